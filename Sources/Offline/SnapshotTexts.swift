/// Snapshots as JSON: one object a line, or the same objects in one array. The first says what the snapshot is, the
/// last how it ends; between them stand the partitions. Converting back gives the same file, byte for byte.
import Base
import Engine
import Storage

final class TextTarget: SnapshotTarget {
    private let target: ByteTarget
    private let isArray: Bool
    private var isFirst = true

    init(_ path: String?, isArray: Bool, _ header: SnapshotHeader) throws(ToolFailure) {
        target = try ByteTarget(path: path)
        self.isArray = isArray
        var json = JSONOutput()
        json.object { $0.header(header) }
        if isArray { try target.write("[\n") }
        try line(json.bytes)
    }

    private func line(_ bytes: borrowing ByteBuffer) throws(ToolFailure) {
        if isArray, !isFirst { try target.write(",\n") }
        try target.write(bytes.view)
        if !isArray { try target.write("\n") }
        isFirst = false
    }

    func section(_ partition: Int, pieces: [Int], _ state: ByteView) throws(ToolFailure) {
        try StateJSON().write(state, partition: partition, pieces: pieces) { (bytes) throws(ToolFailure) in
            try line(bytes)
        }
    }

    func finish(_ footer: SnapshotFooter) throws(ToolFailure) {
        var json = JSONOutput()
        json.object { $0.footer(footer) }
        try line(json.bytes)
        if isArray { try target.write("\n]\n") }
        try target.finish()
    }
}

final class TextSnapshot: SnapshotSource {
    let name: String
    /// Where it is not a file.
    private let contents: FileContents?
    /// Once somebody has asked for a single partition.
    private var states: [Int: [UInt8]]?

    init(_ path: String) {
        name = path
        contents = nil
    }

    init(_ contents: FileContents, name: String) {
        self.name = name
        self.contents = contents
    }

    private func input() throws(ToolFailure) -> JSONInput {
        if let contents { return JSONInput(ByteSource(contents.view, name: name)) }
        return JSONInput(try ByteSource(path: name))
    }

    var description: SnapshotDescription {
        get throws(ToolFailure) {
            var input = try input()
            return SnapshotDescription(header: try Self.header(&input), footer: nil)
        }
    }

    private static func header(_ input: inout JSONInput) throws(ToolFailure) -> SnapshotHeader {
        guard let first = try input.next() else { throw input.malformed("there is nothing") }
        return try first.snapshotHeader()
    }

    func state(_ partition: Int) throws(ToolFailure) -> [UInt8] {
        if let states { return states[partition] ?? [] }
        var found: [Int: [UInt8]] = [:]
        _ = try forEachSection { (partition, _, state) throws(ToolFailure) in found[partition] = state.array }
        states = found
        return found[partition] ?? []
    }

    func forEachSection(_ body: SectionBody) throws(ToolFailure) -> SnapshotFooter {
        var input = try input()
        _ = try Self.header(&input)
        var last = -1
        var sections = 0
        while let object = try input.next() {
            switch try object.text("kind") {
            case "end":
                guard try input.next() == nil else { throw input.malformed("something follows the end") }
                let footer = try object.snapshotFooter()
                guard Int(footer.partitionCount) == sections else {
                    throw input.malformed("\(sections) partitions, where the end says \(footer.partitionCount)")
                }
                return footer
            case "partition":
                let section = try StateFromJSON(object)
                guard section.partition > last else { throw input.malformed("partitions out of order") }
                last = section.partition
                sections += 1
                var isDone = false
                while !isDone {
                    guard let next = try input.next() else { throw input.malformed("the partition does not end") }
                    isDone = try section.add(next)
                }
                try section.check()
                try body(section.partition, section.pieces, section.bytes.view)
            case let kind: throw input.malformed("an object of kind '\(kind)' does not belong here")
            }
        }
        throw input.malformed("the snapshot does not end")
    }
}

extension JSONOutput {
    mutating func header(_ header: SnapshotHeader) {
        field("kind", "snapshot")
        field("schema_version", Tool.schemaVersion)
        field("created-ms", header.createdUnixMilliseconds)
        field("cluster", header.clusterName)
        field("node", Int(header.owner.node))
        field("generation", Int(header.owner.generation))
        field("incarnation", String(header.owner.incarnation, radix: 16))
        field("databases", Int(header.databaseCount))
        field("log-start", String(header.start))
    }

    mutating func footer(_ footer: SnapshotFooter) {
        field("kind", "end")
        field("partitions", Int(footer.partitionCount))
        field("keys", String(footer.keyCount))
        field("digest", Fingerprint.hexadecimal(footer.digest))
        field("log-end", String(footer.end))
        field("origin", footer.versions.withView { Base64.encoded($0) })
    }
}

extension JSONObject {
    private func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
        _ name: String, _ type: Number.Type, radix: Int = 10
    ) throws(ToolFailure) -> Number {
        guard let number = Number(try text(name), radix: radix) else { throw wrong(name, "a number in quotes") }
        return number
    }

    private func small(_ name: String) throws(ToolFailure) -> UInt32 {
        guard let number = UInt32(exactly: try integer(name)) else { throw wrong(name, "a small number") }
        return number
    }

    func snapshotHeader() throws(ToolFailure) -> SnapshotHeader {
        guard has("kind"), try text("kind") == "snapshot" else {
            throw .corrupt("\(place): not the beginning of a snapshot of a2")
        }
        let version = try integer("schema_version")
        guard version == Tool.schemaVersion else {
            throw .corrupt("\(place): format version \(version), where this build reads \(Tool.schemaVersion)")
        }
        let cluster = try text("cluster")
        guard cluster.utf8.count < 1 << 16 else { throw wrong("cluster", "a name") }
        let owner = LogOwner(
            node: try small("node"), generation: try small("generation"),
            incarnation: try unsigned("incarnation", UInt128.self, radix: 16))
        return SnapshotHeader(
            createdUnixMilliseconds: Int64(try integer("created-ms")), owner: owner, clusterName: cluster,
            databaseCount: try small("databases"), start: try unsigned("log-start", UInt64.self))
    }

    func snapshotFooter() throws(ToolFailure) -> SnapshotFooter {
        guard let digest = Fingerprint.sum(hexadecimal: try text("digest")) else {
            throw wrong("digest", "32 hexadecimal digits")
        }
        guard let origin = Base64.decoded(try text("origin")) else { throw wrong("origin", "base 64") }
        return SnapshotFooter(
            partitionCount: try small("partitions"), keyCount: try unsigned("keys", UInt64.self), digest: digest,
            end: try unsigned("log-end", UInt64.self), versions: origin)
    }
}

extension Fingerprint {
    /// Reads what `hexadecimal` printed.
    static func sum(hexadecimal text: String) -> UInt128? {
        let digits = Array(text.utf8)
        guard digits.count == 32 else { return nil }
        var sum: UInt128 = 0
        for index in 0..<16 {
            guard let byte = UInt8(String(decoding: digits[2 * index..<2 * index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            sum |= UInt128(byte) << UInt128(8 * index)
        }
        return sum
    }
}
