/// A key whose history has not settled, as its entry holds it.
import Base
import CRDT

final class GeneralState {
    var state: KeyState
    /// The value last shown, kept so that a view of it can be lent.
    private var shown = ByteBuffer(capacity: 64)

    init(_ state: KeyState) { self.state = state }

    /// The string a reader sees at a time. Valid until the next call or write.
    func text(at unixMilliseconds: Int64) -> ByteView? {
        guard case .string(let value)? = state.visible(at: unixMilliseconds) else { return nil }
        shown.removeAll()
        shown.append(value)
        return shown.view
    }

    func stringValue(at unixMilliseconds: Int64) -> StringValue {
        switch state.type(at: unixMilliseconds) {
        case nil: .missing
        case .set: .wrongType
        case .string: text(at: unixMilliseconds).map { .bytes($0) } ?? .missing
        }
    }

    /// Roughly: what the arrays of the state take.
    var footprintBytes: Int {
        var bytes = 256 + shown.capacity
        for base in state.cell.bases { bytes += 64 + base.value.count }
        bytes += state.cell.patches.count * 64 + state.cell.runs.count * 32 + state.cell.resets.count * 32
        return bytes
    }
}
