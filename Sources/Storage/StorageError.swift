/// Why something on disk could not be written, or is not what was written. One type for the whole module: it names the
/// file, where there is one the byte, and what the operator can do.
import OS

public struct StorageError: Error, Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// The system refused an operation.
        case system(errno: Int32)
        /// Bytes are not what was written there.
        case damaged
        /// A file that must be there is not.
        case missing
        /// Written by another version of a2, earlier or later.
        case unknownVersion(found: UInt32, known: UInt32)
        /// No file of a2, or one of another node.
        case foreign
        /// Another process holds the data directory.
        case busy(processIdentifier: Int?)
        /// An earlier failure is final: nothing is written any more.
        case stopped
    }

    public let kind: Kind
    public let path: String
    /// Where in the file, when the place is known.
    public let offset: Int?
    /// A clause that follows the file's name: "the checksum of the header does not match".
    public let reason: String
    /// Commands that help, each with what it does.
    public let advice: [String]

    init(_ kind: Kind, _ path: String, at offset: Int? = nil, _ reason: String, advice: [String] = []) {
        self.kind = kind
        self.path = path
        self.offset = offset
        self.reason = reason
        self.advice = advice
    }

    /// `operation` follows "cannot": "open", "allocate 4096 bytes for". Public for disks of tests.
    public static func system(_ operation: String, _ path: String, errno: Int32) -> StorageError {
        StorageError(.system(errno: errno), path, "cannot \(operation) \(path): \(RawFile.reason(errno))")
    }

    static func unknownVersion(_ path: String, found: UInt32, known: UInt32) -> StorageError {
        let whose = found > known ? "a later a2 has" : "an a2 of another format has"
        return StorageError(
            .unknownVersion(found: found, known: known), path,
            "format version \(found), which \(whose) written; this a2 reads version \(known)")
    }

    public var errno: Int32? {
        if case .system(let errno) = kind { return errno }
        return nil
    }

    /// The disk or the quota is exhausted: what may go away by itself.
    public var isFull: Bool { errno == Self.noSpace || errno == Self.quotaExceeded }

    /// Whether what is on disk is at fault, rather than the system or the caller.
    public var isCorruption: Bool { kind == .damaged || kind == .missing || kind == .foreign }

    public static let noEntry: Int32 = 2
    public static let inputOutput: Int32 = 5
    public static let exists: Int32 = 17
    public static let noSpace: Int32 = 28
    public static let quotaExceeded: Int32 = 122
}

extension StorageError: CustomStringConvertible {
    public var description: String {
        let place = offset.map { ", byte \($0)" } ?? ""
        let what = errno == nil ? "\(path)\(place): \(reason)" : reason
        return advice.isEmpty ? what : "\(what) (\(advice.joined(separator: "; ")))"
    }
}
