import Base
import CRDT

final class GeneralState {
    var footprintBytes: Int { 0 }
    var type: ValueType? { nil }
    func stringValue(_ context: inout ExecutionContext) -> StringValue { .missing }
    func lengthOfString(_ context: inout ExecutionContext) -> Int { 0 }
}
enum GeneralPatch { case append([UInt8]), overwrite(offset: Int, bytes: [UInt8]), setBit(offset: Int, to: Bool) }
extension KeyHandle {
    func generalSet(_ value: NewValue, _ change: DeadlineChange, _ position: SlotPosition?) { preconditionFailure() }
    func generalDelete(_ position: SlotPosition) -> Bool { preconditionFailure() }
    func generalIncrement(by: Int64, _ position: SlotPosition?) throws(IncrementFailure) -> Int64 {
        preconditionFailure()
    }
    func generalDeadline(_ deadline: Int64, _ position: SlotPosition) { preconditionFailure() }
    func generalPatch(_ patch: GeneralPatch, _ position: SlotPosition) -> Int { preconditionFailure() }
}
extension Partition {
    public mutating func writeAccumulated(_ context: inout ExecutionContext) {}
}
