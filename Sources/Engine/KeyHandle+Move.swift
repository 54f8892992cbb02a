/// COPY and RENAME: the source's visible state, written anew under the destination's name.
import Base

extension KeyHandle {
    /// Writes this key's value and deadline to `destination`, replacing whatever is there. The key exists.
    public func copy(to destination: KeyHandle) {
        let change: DeadlineChange = deadlineMilliseconds.map { .at(milliseconds: $0) } ?? .none
        let isRaw = liveEntry()?.entry.isRaw ?? false
        switch peek() {
        case .missing: return
        case .wrongType: return copyElements(to: destination)
        case .shared(let block):
            // Both keys hold the one block until either changes it.
            block.retain()
            destination.set(.block(block), deadline: change)
        case .bytes(let view):
            // The views of a partition end with the next write to it.
            var value = ByteBuffer(capacity: view.count + 1)
            value.append(view)
            destination.set(.bytes(value.view), deadline: change)
        case .integer(let number):
            var value = ByteBuffer(capacity: 24)
            value.append(decimal: number)
            destination.set(.bytes(value.view), deadline: change)
        }
        if isRaw { destination.liveEntry()?.entry.isRaw = true }
    }
}
