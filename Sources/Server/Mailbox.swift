/// The only way from one thread into a loop: a list swapped out whole, and a coalesced wake.
import Base
import Commands
import OS
import Synchronization

final class Mailbox: Sendable {
    private let messages = Guarded<[Message]>([])
    let wakeUp: WakeUp

    init() throws(SystemError) { wakeUp = try WakeUp() }

    func post(_ message: Message) {
        messages.withLock { $0.append(message) }
        wakeUp.signal()
    }

    /// Everything posted so far, in order. Clears the wake-up first, so that nothing is missed.
    func takeAll() -> [Message] {
        wakeUp.clear()
        return messages.withLock { messages in
            let taken = messages
            messages.removeAll()
            return taken
        }
    }
}

/// Names a connection of a loop for as long as it lives; a reused slot has another client id.
struct ClientAddress: Sendable {
    let loop: Int
    let slot: Int
    let client: UInt64
}

enum Message: Sendable {
    /// A connection that another loop has accepted.
    case adopt(descriptor: Int32, client: UInt64)
    /// Add what you know to the gathering.
    case gather(Gathering)
    /// A gathering is complete: write its reply.
    case gathered(Gathering)
    /// Send this line to your monitors.
    case monitorLine([UInt8])
    /// Clients held back by CLIENT PAUSE may go on.
    case resumePaused
    /// The limits have changed: read them again.
    case reloadLimits
    /// CONFIG REWRITE is done, or what went wrong: tell the client that asked.
    case configurationRewritten(ClientAddress, failure: String?)
    /// Peers have acknowledged more: look after the clients that wait for that.
    case peersAcknowledged
    /// The log may be durable up to more: send the replies that wait for that, or see to it.
    case logDurable
    /// The snapshot a client waits for is there, or what went wrong.
    case saved(ClientAddress, failure: String?)
    /// Serve what has arrived, send what is owed, then stop.
    case drain
}

/// A question to all loops about their clients, answered together: CLIENT LIST, KILL, UNBLOCK.
final class Gathering: Sendable {
    enum Question: Sendable {
        case list(ClientFilter)
        case kill(ClientFilter, repliesCount: Bool)
        case unblock(id: UInt64, withError: Bool)
    }

    struct Answers: Sendable {
        var lines: [(client: UInt64, line: String)] = []
        var count = 0
    }

    let question: Question
    let asker: ClientAddress
    private let answers = Guarded<Answers>(Answers())
    private let loopsLeft: Atomic<Int>

    init(_ question: Question, asker: ClientAddress, loopCount: Int) {
        self.question = question
        self.asker = asker
        loopsLeft = Atomic(loopCount)
    }

    /// Adds one loop's answer; returns whether it was the last.
    func add(_ lines: [(UInt64, String)], count: Int) -> Bool {
        answers.withLock {
            $0.lines.append(contentsOf: lines.map { (client: $0.0, line: $0.1) })
            $0.count += count
        }
        return loopsLeft.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
    }

    var result: Answers { answers.withLock { $0 } }
}
