/// One client's connection: its socket, its buffers, its session. Owned by the loop that serves it.
import Base
import Commands
import Engine
import OS
import RESP

struct Connection: ~Copyable {
    let descriptor: Int32
    /// Both stay where they are while a command that points at them runs.
    let session: UnsafeMutablePointer<Session>
    let reply: UnsafeMutablePointer<ReplyWriter>
    var query = ByteBuffer(capacity: 16 * 1024)
    var parser = RequestParser()
    var arguments = ArgumentList()
    /// Blocks that hold large arguments of commands not yet executed.
    var blocks: [SharedBlock] = []
    /// In the loop's list of connections that have output.
    var isScheduled = false
    /// Close once everything has been sent.
    var closesAfterReply = false

    init(descriptor: Int32, session: consuming Session) {
        self.descriptor = descriptor
        self.session = .allocate(capacity: 1)
        self.session.initialize(to: session)
        reply = .allocate(capacity: 1)
        reply.initialize(to: ReplyWriter(capacity: 16 * 1024))
    }

    deinit {
        session.deinitialize(count: 1)
        session.deallocate()
        reply.deinitialize(count: 1)
        reply.deallocate()
        Socket.close(descriptor)
    }
}
