/// A file, a pipe or bytes in memory, read from front to back with a small buffer: a dump of many gigabytes passes
/// through without ever being here whole, and a length that lies allocates no more than there are bytes.
import Base
import OS

final class ByteSource {
    /// For messages.
    let name: String
    /// Nil for bytes that are here already.
    private let descriptor: Int32?
    private let ownsDescriptor: Bool
    private var buffer: ByteBuffer
    private var isAtEndOfInput: Bool
    /// Bytes consumed so far.
    private(set) var offset = 0
    /// CRC-64 of the bytes consumed so far.
    private(set) var checksum: UInt64 = 0
    private let keepsChecksum: Bool

    private static let chunkBytes = 256 * 1024

    /// `path` may be `-` for standard input.
    init(path: String, keepsChecksum: Bool = false) throws(ToolFailure) {
        name = path == "-" ? "standard input" : path
        self.keepsChecksum = keepsChecksum
        isAtEndOfInput = false
        buffer = ByteBuffer(capacity: Self.chunkBytes)
        if path == "-" {
            descriptor = 0
            ownsDescriptor = false
            return
        }
        ownsDescriptor = true
        do {
            descriptor = try StreamFile.openForReading(path).release()
        } catch { throw .system(error) }
    }

    /// Bytes that are here already.
    init(_ bytes: ByteView, name: String) {
        self.name = name
        descriptor = nil
        ownsDescriptor = false
        keepsChecksum = false
        isAtEndOfInput = true
        buffer = ByteBuffer(capacity: bytes.count)
        buffer.append(bytes)
    }

    deinit {
        if ownsDescriptor, let descriptor { Terminal.close(descriptor) }
    }

    /// Sees to it that `count` bytes are buffered, at most a chunk; false where the input ends before.
    private func fill(_ count: Int) throws(ToolFailure) -> Bool {
        while buffer.count < count {
            guard !isAtEndOfInput, let descriptor else { return false }
            buffer.reserve(max(count - buffer.count, Self.chunkBytes / 2))
            do {
                let got = try StreamFile.read(
                    descriptor, into: buffer.writable, count: buffer.writableCount, named: name)
                if got == 0 { isAtEndOfInput = true }
                buffer.commit(got)
            } catch { throw .system(error) }
        }
        return true
    }

    private func advance(_ count: Int) {
        if keepsChecksum { checksum = crc64(buffer.view.slice(0, count), continuing: checksum) }
        buffer.consume(count)
        offset += count
    }

    private var truncated: ToolFailure { .corrupt("\(name) ends at byte \(offset + buffer.count), inside something") }

    /// Whether nothing is left.
    func isAtEnd() throws(ToolFailure) -> Bool { try !fill(1) }

    func byte() throws(ToolFailure) -> UInt8 {
        guard try fill(1) else { throw truncated }
        let byte = buffer.view[0]
        advance(1)
        return byte
    }

    func littleEndian<Word: FixedWidthInteger>(_ type: Word.Type) throws(ToolFailure) -> Word {
        let size = MemoryLayout<Word>.size
        guard try fill(size) else { throw truncated }
        var reader = ByteReader(buffer.view)
        let word = reader.littleEndian(Word.self)
        advance(size)
        return word
    }

    /// Up to `count` bytes that are buffered, without consuming them; fewer only at the end.
    func peek(_ count: Int) throws(ToolFailure) -> [UInt8] {
        _ = try fill(count)
        return buffer.view.slice(0, min(count, buffer.count)).array
    }

    /// Lends the rest of what is buffered, or more where nothing is; empty at the end. `consume` what was used.
    func withBuffered<Result>(_ body: (ByteView) -> Result) throws(ToolFailure) -> Result {
        _ = try fill(1)
        return body(buffer.view)
    }

    func consume(_ count: Int) { advance(count) }

    /// Appends the next `count` bytes.
    func read(_ count: Int, into output: inout ByteBuffer) throws(ToolFailure) {
        var left = count
        while left > 0 {
            guard try fill(1) else { throw truncated }
            let part = min(left, buffer.count)
            output.append(buffer.view.slice(0, part))
            advance(part)
            left -= part
        }
    }

    func skip(_ count: Int) throws(ToolFailure) {
        var left = count
        while left > 0 {
            guard try fill(1) else { throw truncated }
            let part = min(left, buffer.count)
            advance(part)
            left -= part
        }
    }
}
