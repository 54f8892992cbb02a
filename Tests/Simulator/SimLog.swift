/// What a node has entered into its log, taken out of the log buffer as the log thread does.
import Base
import Commands
import Core
import Replication
import Wire

public struct SimLog {
    public struct Entry {
        public let kind: Int
        public let content: [UInt8]
    }

    public private(set) var entries: [Entry] = []
    private var position: UInt64

    public init(of node: SimNode) { position = node.node.window.start }

    /// Takes what has been entered since the last time.
    public mutating func drain(_ node: SimNode) {
        guard let log = node.node.window.log else { return }
        while let entry = node.node.window.entryForLog(at: position) {
            var bytes = ByteBuffer()
            node.node.window.copy(position, entry.length, into: &bytes)
            if let beside = log.takeBeside(position) { bytes.append(beside.view) }
            entries.append(Entry(kind: LogRecordKind(entry.kind).rawValue, content: bytes.array))
            position = entry.next
        }
        log.consume(upTo: position)
    }
}
