/// The names in a data directory, and with which rights they are made.
enum FileNames {
    static let lock = "LOCK"
    static let identity = "identity"
    static let manifest = "MANIFEST"
    static let log = "log"
    static let snapshot = "snapshot"
    /// The segment allocated ahead; it gets its number when the log reaches it.
    static let spareSegment = "next"
    static let besideSuffix = ".tmp"
    static let damagedSuffix = ".damaged"
    static let segmentSuffix = ".a2l"
    static let snapshotSuffix = ".a2s"

    static let filePermissions: UInt32 = 0o600
    static let directoryPermissions: UInt32 = 0o700

    static func segment(_ number: UInt64) -> String { numbered(number) + segmentSuffix }
    static func snapshot(_ number: UInt64) -> String { numbered(number) + snapshotSuffix }

    private static func numbered(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(8 - digits.utf8.count, 0)) + digits
    }

    /// The number in "00000012.a2l"; nil for any other spelling, so that a file is found under the one name it has.
    static func number(of name: String, suffix: String) -> UInt64? {
        guard name.hasSuffix(suffix) else { return nil }
        let digits = name.dropLast(suffix.utf8.count)
        guard digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let number = UInt64(digits), number > 0 else { return nil }
        return numbered(number) == digits ? number : nil
    }

    static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }

    /// The directory that `path` stands in.
    static func parent(of path: String) -> String {
        var bytes = Array(path.utf8)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
    }
}
