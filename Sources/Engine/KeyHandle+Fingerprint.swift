/// The fingerprint of what a key shows: its database, name, visible value and deadline, and nothing of how the
/// value is stored or how it came about.
import Base
import CRDT

extension KeyHandle {
    /// The key's whole state, in general form whatever form its entry has.
    public var state: KeyState { partition.pointee.state(of: self) }

    /// Spoils what the key shows and tells nobody; false for a key that is not there.
    public func corrupt() -> Bool {
        partition.pointee.corrupt(database: database, key: name, &context.pointee)
    }

    /// Nil for a key that is not there.
    public func fingerprint(key: (UInt64, UInt64)) -> UInt128? {
        var fingerprint = Fingerprint(key: key)
        fingerprint.combine(UInt64(database))
        fingerprint.combine(UInt64(name.count))
        fingerprint.combine(name)
        let value = peek()
        if case .wrongType = value {
            guard case .set(let elements) = visible else { return nil }
            fingerprint.combine(2)
            fingerprint.combine(UInt64(elements.count))
            for element in elements {
                fingerprint.combine(UInt64(element.count))
                element.withView { fingerprint.combine($0) }
            }
        } else {
            guard let bytes = bytes(of: value) else { return nil }
            fingerprint.combine(1)
            fingerprint.combine(UInt64(bytes.count))
            fingerprint.combine(bytes)
        }
        fingerprint.combine(UInt64(bitPattern: deadlineMilliseconds ?? -1))
        return fingerprint.finish()
    }
}
