/// The first 16 bytes of every file here, in every version: what it is, in which version, and their checksum.
///
///     magic(8) version(4) crc(4)
///
/// So a later version is told from damage, whatever else it changes.
import Base

enum Preamble {
    static let byteCount = 16

    static func append(_ magic: StaticString, version: UInt32, to out: inout ByteBuffer) {
        precondition(magic.utf8CodeUnitCount == 8, "a magic of \(magic.utf8CodeUnitCount) bytes")
        let start = out.count
        out.append(magic)
        out.append(littleEndian: version)
        out.append(littleEndian: checksum(out.view.slice(start, 12)))
    }

    /// `what` is a noun with its article: "a log segment".
    static func check(
        _ bytes: ByteView, _ magic: StaticString, version: UInt32, what: StaticString, path: String, advice: [String]
    ) throws(StorageError) {
        guard bytes.count >= byteCount else {
            throw StorageError(
                .damaged, path, at: 0, "\(bytes.count) bytes are too few for \(what)", advice: advice)
        }
        let found = bytes.word32(at: 12).littleEndian
        let crc = checksum(bytes.slice(0, 12))
        guard bytes.slice(0, 8) == ByteView(magic) else {
            let isOther = crc == found
            throw StorageError(
                isOther ? .foreign : .damaged, path, at: 0,
                isOther ? "another file of a2, not \(what)" : "not \(what) of a2, or its first bytes are damaged",
                advice: advice)
        }
        guard crc == found else {
            throw StorageError(
                .damaged, path, at: 0,
                "the checksum of the first bytes is \(hexadecimal(crc)), written was \(hexadecimal(found))",
                advice: advice)
        }
        let other = bytes.word32(at: 8).littleEndian
        guard other == version else { throw StorageError.unknownVersion(path, found: other, known: version) }
    }
}
