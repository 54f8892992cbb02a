/// Where a tool writes its result: standard output, or a file that appears under its name only when it is whole.
import Base
import OS

final class ByteTarget {
    /// For messages; nil for standard output.
    let path: String?
    private let descriptor: Int32
    private var buffer = ByteBuffer(capacity: ByteTarget.chunkBytes)
    /// CRC-64 of everything written so far.
    private(set) var checksum: UInt64 = 0
    private let keepsChecksum: Bool
    private(set) var byteCount = 0
    private var isFinished = false

    private static let chunkBytes = 256 * 1024

    private var besidePath: String { (path ?? "") + ".tmp" }
    private var name: String { path ?? "standard output" }

    /// `-` or nil is standard output.
    init(path: String?, keepsChecksum: Bool = false) throws(ToolFailure) {
        self.path = path == "-" ? nil : path
        self.keepsChecksum = keepsChecksum
        guard let path = self.path else {
            descriptor = 1
            return
        }
        do {
            descriptor = try Files.open(path + ".tmp", for: .replace, permissions: 0o600).release()
        } catch { throw .system(error) }
    }

    deinit {
        guard path != nil else { return }
        Terminal.close(descriptor)
        if !isFinished { _ = RawFile.remove(besidePath) }
    }

    func write(_ bytes: ByteView) throws(ToolFailure) {
        if keepsChecksum { checksum = crc64(bytes, continuing: checksum) }
        byteCount += bytes.count
        guard bytes.count < Self.chunkBytes else {
            try flush()
            return try put(bytes)
        }
        buffer.append(bytes)
        if buffer.count >= Self.chunkBytes { try flush() }
    }

    func write(_ bytes: borrowing ByteBuffer) throws(ToolFailure) { try write(bytes.view) }

    func write(_ text: String) throws(ToolFailure) {
        let bytes = Array(text.utf8)
        try bytes.withView { (view) throws(ToolFailure) in try write(view) }
    }

    private func put(_ bytes: ByteView) throws(ToolFailure) {
        do {
            try StreamFile.write(bytes, to: descriptor, named: name)
        } catch { throw .system(error) }
    }

    private func flush() throws(ToolFailure) {
        try put(buffer.view)
        buffer.removeAll()
    }

    /// On the disk, and then under its name.
    func finish() throws(ToolFailure) {
        try flush()
        isFinished = true
        guard let path else { return }
        do {
            try StreamFile.sync(descriptor, named: besidePath)
            try StreamFile.rename(besidePath, to: path)
        } catch { throw .system(error) }
    }
}
