/// When a key was last used: what OBJECT reads, RESTORE sets and RENAME keeps.
import Base

extension KeyHandle {
    /// Makes the key as recently used as the one that `accessWord` was read from.
    public func setAccess(_ accessWord: UInt32) { liveEntry()?.entry.access = accessWord }

    /// Pretends that the key was last used `seconds` ago. Does nothing where frequencies are counted.
    public func setIdle(seconds: Int64) {
        let access = context.pointee.access
        guard !access.countsFrequency, let entry = liveEntry()?.entry else { return }
        entry.access = access.seconds &- UInt32(clamping: min(seconds, Int64(Int32.max)))
    }

    /// Sets the frequency counter. Does nothing where idle times are counted.
    public func setFrequency(_ counter: UInt8) {
        let access = context.pointee.access
        guard access.countsFrequency, let entry = liveEntry()?.entry else { return }
        entry.access = access.initialWord & ~0xFF | UInt32(counter)
    }
}
