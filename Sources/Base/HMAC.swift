/// HMAC-SHA-256 (RFC 2104, RFC 4231): the proof that somebody knows a secret without saying it.

public enum HMAC {
    public static func code(key: [UInt8], message: ByteView) -> [UInt8] {
        var block = key
        if key.count > SHA256.blockBytes { block = key.withView { SHA256.digest($0) } }
        block += [UInt8](repeating: 0, count: SHA256.blockBytes - block.count)
        var inner = SHA256()
        block.map { $0 ^ 0x36 }.withView { inner.update($0) }
        inner.update(message)
        var outer = SHA256()
        block.map { $0 ^ 0x5C }.withView { outer.update($0) }
        inner.finished().withView { outer.update($0) }
        return outer.finished()
    }

    /// Compares in a time that tells nothing of where the two differ, only whether they are as long as each other.
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (one, other) in zip(left, right) { difference |= one ^ other }
        return difference == 0
    }
}
