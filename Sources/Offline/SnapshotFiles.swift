/// Snapshots in files, in the form a node keeps them in; and which form a file has.
import Base
import OS
import Storage

struct BinarySnapshot: SnapshotSource {
    let reader: SnapshotReader
    var name: String { reader.path }

    init(_ path: String) throws(ToolFailure) {
        do throws(StorageError) {
            reader = try SnapshotReader(path, on: SystemDisk())
        } catch { throw .storage(error) }
    }

    init(_ reader: SnapshotReader) { self.reader = reader }

    init(_ contents: FileContents, named name: String) throws(ToolFailure) {
        do throws(StorageError) { reader = try SnapshotReader(contents, path: name) } catch { throw .storage(error) }
    }

    func state(_ partition: Int) throws(ToolFailure) -> [UInt8] {
        var state = ByteBuffer()
        do throws(StorageError) {
            try reader.forEachPiece(ofPartition: partition) { (piece) throws(StorageError) in state.append(piece) }
        } catch { throw .storage(error) }
        return state.array
    }

    var description: SnapshotDescription { SnapshotDescription(header: reader.header, footer: reader.footer) }

    func forEachSection(_ body: SectionBody) throws(ToolFailure) -> SnapshotFooter {
        var state = ByteBuffer(capacity: 1 << 20)
        for partition in reader.partitionNumbers {
            guard partition < Slots.partitionCount else {
                throw .corrupt("\(name): there is no partition \(partition)")
            }
            state.removeAll()
            state.shrink(to: 4 << 20)
            var pieces: [Int] = []
            do throws(StorageError) {
                try reader.forEachPiece(ofPartition: partition) { (piece) throws(StorageError) in
                    pieces.append(piece.count)
                    state.append(piece)
                }
            } catch { throw .storage(error) }
            try body(partition, pieces, state.view)
        }
        return reader.footer
    }
}

extension ByteSource {
    /// All of standard input.
    static func wholeInput() throws(StorageError) -> FileContents {
        var bytes = ByteBuffer(capacity: 1 << 20)
        do {
            while true {
                bytes.reserve(1 << 18)
                let count = try StreamFile.read(
                    0, into: bytes.writable, count: bytes.writableCount, named: "standard input")
                if count == 0 { return FileContents(copying: bytes.view) }
                bytes.commit(count)
            }
        } catch { throw StorageError.system("read", "standard input", errno: error.errno) }
    }
}

enum SnapshotOpening {
    /// A file in either form, told apart by its first byte; `-` is standard input, which is held in memory.
    static func file(_ path: String) throws(ToolFailure) -> any SnapshotSource {
        if path == "-" {
            let contents: FileContents
            do throws(StorageError) { contents = try ByteSource.wholeInput() } catch { throw .storage(error) }
            if isText(contents.view.slice(0, min(contents.view.count, 64)).array) {
                return TextSnapshot(contents, name: "standard input")
            }
            return try BinarySnapshot(contents, named: "standard input")
        }
        let beginning = try ByteSource(path: path).peek(64)
        return isText(beginning) ? TextSnapshot(path) : try BinarySnapshot(path)
    }

    private static func isText(_ beginning: [UInt8]) -> Bool {
        let first = beginning.first { ![32, 9, 10, 13].contains($0) }
        return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    }

    /// A node as redis://…, a data directory, or a file.
    static func anything(_ text: String, _ tool: Tool) throws -> any SnapshotSource {
        if text.contains("://") { return try NodeSnapshot(try NodeAccess.connect(text, tool.arguments), tool) }
        var error: Int32 = 0
        if RawFile.list(text, error: &error) != nil { return try DirectorySnapshot(text, tool) }
        return try file(text)
    }

    static func target(_ path: String?, _ format: SnapshotFormat, _ header: SnapshotHeader, _ now: Int64)
        throws(ToolFailure) -> any SnapshotTarget
    {
        switch format {
        case .binary: try BinaryTarget(path, header)
        case .json: try TextTarget(path, isArray: true, header)
        case .lines: try TextTarget(path, isArray: false, header)
        case .resp: try RESPTarget(path, nowMilliseconds: now)
        }
    }
}

final class BinaryTarget: SnapshotTarget {
    private let target: ByteTarget
    private var encoder: SnapshotEncoder
    private static let writeBytes = 1 << 20

    init(_ path: String?, _ header: SnapshotHeader) throws(ToolFailure) {
        target = try ByteTarget(path: path)
        encoder = SnapshotEncoder(header)
    }

    func section(_ partition: Int, pieces: [Int], _ state: ByteView) throws(ToolFailure) {
        var at = 0
        for piece in pieces {
            encoder.append(partition: partition, state.slice(at, piece))
            at += piece
            if encoder.output.count >= Self.writeBytes { try flush() }
        }
        precondition(at == state.count, "pieces of \(at) bytes of \(state.count)")
        encoder.end(partition: partition)
    }

    private func flush() throws(ToolFailure) {
        try target.write(encoder.output.view)
        encoder.removeOutput()
    }

    func finish(_ footer: SnapshotFooter) throws(ToolFailure) {
        encoder.finish(footer)
        try flush()
        try target.finish()
    }

    var byteCount: Int { target.byteCount }
}
