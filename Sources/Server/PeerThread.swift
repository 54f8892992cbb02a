/// The thread that links this node with its peers: one epoll, the sockets of all links, the machine's timers.
///
/// It decides nothing about replication: what comes goes to the machine, what the machine has to send is sent, what it
/// wants done is done. A turn is: events, mail, read all, the machine's turn, obey, write all. Between turns it sleeps
/// until a socket, a letter, the bell (see `PeerPost`) or a deadline wakes it. Nothing here may block; names are
/// resolved elsewhere.
import Base
import Commands
import Core
import OS
import Replication
import Synchronization

/// How often new frames may get the thread out of bed: under load they travel in company instead.
struct FramePace {
    private var position: UInt64 = 0
    private var milliseconds: Int64 = 0
    private var turns = 0

    private static let turnsPerMillisecond = 4

    /// A turn begins, with the window ending there.
    mutating func note(_ position: UInt64, _ milliseconds: Int64) {
        if milliseconds != self.milliseconds { (self.milliseconds, turns) = (milliseconds, 0) }
        if position != self.position { turns += 1 }
        self.position = position
    }

    /// No more before the next millisecond.
    func isSpent(_ milliseconds: Int64) -> Bool {
        milliseconds == self.milliseconds && turns >= Self.turnsPerMillisecond
    }
}

final class PeerThread<Machine: PeerMachine & ~Copyable> {
    let shared: Shared
    let post: PeerPost
    let options: PeerOptions
    let listeners: [Int32]
    let resolver: Resolver
    /// Nil where there is no log.
    let serving: LogServing?
    let poller: Poller
    var machine: Machine
    var sockets: [Int: PeerSocket] = [:]
    var nextLink = 1
    var now: Moment
    /// Something has happened since the machine's last turn.
    var needsTurn = true
    /// Of the machine's: the log thread has been rung for these.
    private var logEntriesSeen: UInt64 = 0
    /// Accepting has failed for want of descriptors: until then nobody is listened to.
    var deafUntilMilliseconds: Int64?
    var refusals = LogLimiter(intervalMilliseconds: 10_000)
    private var noteCountSeen: UInt64 = 0
    private var pace = FramePace()
    /// Set when the process ends: by then all must have been said.
    private var endMilliseconds: Int64?

    static var wakeUpToken: UInt64 { .max }
    static var listenerTokenFirst: UInt64 { .max - 64 }
    private static var cloggedMilliseconds: Int64 { 10 }
    private static var goodbyeMilliseconds: Int64 { 2000 }

    init(
        shared: Shared, options: PeerOptions, listeners: [Int32], resolver: Resolver, serving: LogServing? = nil,
        machine: consuming Machine
    ) throws(SystemError) {
        self.shared = shared
        self.options = options
        self.listeners = listeners
        self.resolver = resolver
        self.serving = serving
        self.machine = machine
        post = shared.peers
        poller = try Poller(capacity: 64)
        now = Self.moment
        try poller.add(post.wakeUp.descriptor, token: Self.wakeUpToken, for: .read)
        try listen()
    }

    static var moment: Moment {
        Moment(
            unixMilliseconds: SystemClock.wallMilliseconds, monotonicMilliseconds: SystemClock.monotonicMilliseconds)
    }

    /// Turns until told to end.
    func run() {
        machine.start(now)
        while true {
            let seen = shared.node.window.end
            pace.note(seen, now.monotonicMilliseconds)
            let wanted = machine.turn(now)
            needsTurn = false
            shared.log?.knowsOwnPast.store(machine.knowsOwnPast, ordering: .releasing)
            obey()
            flushAll()
            ringForLog()
            closeWhatIsDone()
            expire()
            wakeThoseWhoWait()
            if let endMilliseconds, sockets.isEmpty || now.monotonicMilliseconds >= endMilliseconds { return }
            sleep(until: wanted, windowSeen: seen)
        }
    }

    /// Where something was taken in from peers; the loops see to what they write.
    private func ringForLog() {
        guard machine.logEntriesWritten != logEntriesSeen else { return }
        logEntriesSeen = machine.logEntriesWritten
        shared.log?.ringIfAsleep(shared.node.window)
    }

    private func sleep(until wantedMilliseconds: Int64, windowSeen: UInt64) {
        var wake = wantedMilliseconds
        for socket in sockets.values {
            if let deadline = socket.deadlineMilliseconds { wake = min(wake, deadline) }
        }
        if let deafUntilMilliseconds { wake = min(wake, deafUntilMilliseconds) }
        if let endMilliseconds { wake = min(wake, endMilliseconds) }
        // Peers that take nothing wake the thread when they do; what the machine would send them must not keep it up.
        if sockets.values.contains(where: { $0.isLink && !$0.hasRoom }) {
            wake = max(wake, now.monotonicMilliseconds + Self.cloggedMilliseconds)
        }
        let hasWork = needsTurn || sockets.values.contains { $0.wantsReading }
        var timeout = hasWork ? 0 : max(wake - SystemClock.monotonicMilliseconds, 0)
        var isArmed = timeout > 0 && post.linkCount.load(ordering: .relaxed) > 0
        if isArmed, pace.isSpent(now.monotonicMilliseconds) {
            isArmed = false
            timeout = 1
        }
        if isArmed, !post.bell.arm(shared.node.window, seen: windowSeen) { timeout = 0 }
        let count = poller.wait(timeoutMilliseconds: Int(clamping: timeout))
        if isArmed { post.bell.disarm() }
        now = Self.moment
        for position in 0..<count { take(poller[position]) }
        receiveAll()
    }

    private func take(_ event: PollEvent) {
        if event.token == Self.wakeUpToken { return readMail() }
        if event.token >= Self.listenerTokenFirst {
            return accept(listeners[Int(event.token - Self.listenerTokenFirst)])
        }
        guard let socket = sockets[Int(event.token)] else { return }
        if socket.isDialling { return concludeConnecting(socket) }
        if event.isReadable { socket.mayHaveInput = true }
        if event.isWritable { socket.hasRoom = true }
    }

    private func readMail() {
        for message in post.takeAll() {
            switch message {
            case .request(let request): machine.request(request, now)
            case .resolved(let link, let addresses, let failure): resolved(link, addresses, failure)
            case .logRead(let link, let outcome): machine.logRead(link: link, outcome, now)
            case .end:
                machine.request(.goodbye, now)
                endMilliseconds = now.monotonicMilliseconds + Self.goodbyeMilliseconds
                closeListeners()
            }
            needsTurn = true
        }
    }

    // MARK: Actions

    /// Until there are none left: obeying one may bring about another.
    private func obey() {
        while true {
            let actions = machine.takeActions()
            if actions.isEmpty { break }
            for action in actions {
                switch action {
                case .dial(let target, let address): if endMilliseconds == nil { dial(target, address) }
                case .close(let link): close(link)
                case .readLog(let link, let read): readLog(link, read)
                case .endLogRead(let link): serving?.end(link: link)
                case .keepMembers(let members): shared.log?.keep(members)
                case .noteResumePoints(let points, let onceSynced):
                    shared.log?.keeper.note(points, onceSynced: onceSynced)
                case .keepReplica(let replica, let incarnation, let isUnsure):
                    shared.log?.keep(replica, incarnation: incarnation, isUnsure: isUnsure)
                case .keepHome: shared.log?.keepHome()
                case .log(let severity, let text): log(severity, text)
                }
            }
        }
    }

    private func readLog(_ link: Int, _ read: LogRead) {
        if let serving { return serving.read(link: link, read) }
        machine.logRead(link: link, .failed("this node keeps no log"), now)
        needsTurn = true
    }

    /// Once the process ends: a link over which the machine has nothing left to say is closed.
    private func closeWhatIsDone() {
        guard endMilliseconds != nil, !needsTurn else { return }
        for socket in Array(sockets.values) where machine.output(link: socket.link)?.pointee.isEmpty ?? true {
            close(socket.link, reason: "this node ends")
        }
        flushAll()
    }

    private func log(_ severity: LogSeverity, _ text: String) {
        switch severity {
        case .notice: shared.logger.notice(text)
        case .warning: shared.logger.warning(text)
        case .error: shared.logger.error(text)
        }
    }

    // MARK: Those who wait

    /// Tells the loops in which clients wait that peers have acknowledged something.
    private func wakeThoseWhoWait() {
        let count = shared.node.acknowledgements.noteCount
        guard count != noteCountSeen else { return }
        noteCountSeen = count
        for (index, counters) in shared.counters.enumerated()
        where counters.clientsWaiting.load(ordering: .sequentiallyConsistent) > 0 {
            shared.mailboxes[index].post(.peersAcknowledged)
        }
    }
}
