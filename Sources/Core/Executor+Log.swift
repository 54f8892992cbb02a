/// Entering into the log what did not begin as a command of this node: what came from peers, and what happened to
/// the node as a whole. Nothing where the node keeps no log.
///
/// What concerns a partition is entered while it is held, so that the log has it in the order of its application.
import Base
import Commands
import Engine
import Replication
import Wire

extension Executor {
    /// What is too large for the ring stands beside it.
    func enter(_ kind: Window.Kind, _ head: ByteView, _ body: ByteView) {
        guard node.window.log != nil else { return }
        context.pointee.logEntriesWritten &+= 1
        if head.count + body.count <= min(node.window.frameBytesMax, 1 << 20) {
            return node.window.append(head, body, kind)
        }
        var beside = ByteBuffer(capacity: body.count)
        beside.append(body)
        node.window.append(head, beside: beside, kind)
    }

    func enterState(_ partition: Int, _ flags: LogStateFlags, _ state: ByteView) {
        [UInt8(partition), flags.rawValue].withView { enter(.state, $0, state) }
    }

    func enterKeyStates(_ partition: Int, _ states: ByteView) {
        [UInt8(partition)].withView { enter(.keyStates, $0, states) }
    }

    public func enter(_ event: LogEvent) {
        guard node.window.log != nil else { return }
        var bytes = ByteBuffer(capacity: 32)
        event.encode(to: &bytes)
        enter(.event, .empty, bytes.view)
    }

    /// All that a partition holds, after it was changed in a way that no other entry tells. The partition is held.
    func enterWhole(_ partition: Int) {
        guard node.window.log != nil else { return }
        var export = StateExport(.everything)
        var bytes = ByteBuffer(capacity: 64 * 1024)
        export.writeHead(partitions[partition], into: &bytes)
        _ = export.writeSlice(partitions[partition], bucketsMax: .max, into: &bytes)
        enterState(partition, .replaces, bytes.view)
    }
}
