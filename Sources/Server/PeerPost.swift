/// The peer thread as other threads see it: a mailbox, and a bell for frames that have been written.
import Base
import Commands
import Core
import OS
import Replication
import Synchronization

enum PeerMail: Sendable {
    case request(PeerRequest)
    /// Where the name leads that a link is to be dialled to.
    case resolved(link: Int, [SocketAddress], failure: String?)
    /// What was asked for of the log, or why it cannot be had.
    case logRead(link: Int, LogReadOutcome)
    /// Say goodbye, send what is owed, end.
    case end
}

final class PeerPost: Sendable {
    /// Rung while the thread sleeps and has peers to send to.
    let bell: Bell
    private let mail = Guarded<[PeerMail]>([])
    /// Until the thread has ended.
    let isRunning = Atomic<Bool>(false)
    let linkCount = Atomic<Int>(0)
    let inputBytes = Atomic<UInt64>(0)
    let outputBytes = Atomic<UInt64>(0)

    init() throws(SystemError) { bell = try Bell() }

    var wakeUp: WakeUp { bell.wakeUp }

    func post(_ message: PeerMail) {
        mail.withLock { $0.append(message) }
        wakeUp.signal()
    }

    /// Everything posted so far, in order. Clears the wake-up first, so that nothing is missed.
    func takeAll() -> [PeerMail] {
        wakeUp.clear()
        return mail.withLock { mail in
            let taken = mail
            mail.removeAll()
            return taken
        }
    }
}
