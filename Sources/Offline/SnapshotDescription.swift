/// What a snapshot says of itself, whatever form it has.
import Base
import Core
import Storage

struct SnapshotDescription: Equatable {
    var header: SnapshotHeader
    /// Known from the beginning of a file, and only at the end of a text.
    var footer: SnapshotFooter?

    var replica: Replica? {
        guard header.owner.node > 0, header.owner.node < 256, header.owner.generation < 4 else { return nil }
        return Replica(node: UInt8(header.owner.node), generation: UInt8(header.owner.generation))
    }

    var clusterKey: (UInt64, UInt64) { header.clusterName.withBytes { Fingerprint.key(named: $0) } }

    static func origin(_ footer: SnapshotFooter) -> SnapshotOrigin? { footer.versions.withView { SnapshotOrigin($0) } }
}

/// One partition's state. `pieces` are the lengths it was written in.
typealias SectionBody = (_ partition: Int, _ pieces: [Int], _ state: ByteView) throws(ToolFailure) -> Void

/// Something that yields a snapshot, section by section.
protocol SnapshotSource {
    /// For messages.
    var name: String { get }
    var description: SnapshotDescription { get throws(ToolFailure) }
    /// Gives every section in ascending order, and returns what the end says. Can be called again, unless the source
    /// is a pipe.
    func forEachSection(_ body: SectionBody) throws(ToolFailure) -> SnapshotFooter
    /// One partition's state, for those who compare two snapshots side by side; empty where it is not in it.
    func state(_ partition: Int) throws(ToolFailure) -> [UInt8]
}

/// Where a snapshot is written to.
protocol SnapshotTarget {
    func section(_ partition: Int, pieces: [Int], _ state: ByteView) throws(ToolFailure)
    func finish(_ footer: SnapshotFooter) throws(ToolFailure)
}

extension SnapshotSource {
    func copy(to target: any SnapshotTarget) throws(ToolFailure) -> SnapshotFooter {
        let footer = try forEachSection { (partition, pieces, state) throws(ToolFailure) in
            try target.section(partition, pieces: pieces, state)
        }
        try target.finish(footer)
        return footer
    }
}

/// The forms a snapshot can have in a file.
enum SnapshotFormat: String, CaseIterable {
    case binary = "bin"
    case json
    case lines = "ndjson"
    case resp

    /// By the name of the file; nil where that says nothing.
    static func named(_ path: String) -> SnapshotFormat? {
        if path.hasSuffix(".json") { return .json }
        if path.hasSuffix(".ndjson") || path.hasSuffix(".jsonl") { return .lines }
        if path.hasSuffix(".resp") { return .resp }
        if path.hasSuffix(".a2s") { return .binary }
        return nil
    }
}
