/// One thread of a load: its connections, its clock, its counts.
///
/// A turn reads all that has come, then sends all that may go. Requests are rendered into each connection's buffer
/// and leave with one call per connection; replies are only counted. Nothing is allocated or counted by reference
/// per request. In a closed loop a connection sends its next batch when it has all replies; in an open one requests
/// go to whatever connection is free at their time, and wait for one if none is.
import Base
import OS

final class LoadWorker {
    let plan: LoadPlan
    let board: RunBoard
    let number: Int
    let poller: Poller
    let addresses: [[SocketAddress]]

    let connections: UnsafeMutablePointer<LoadConnection>
    let connectionCount: Int
    /// Of those that may send: one queue in a closed loop, one per node in an open one.
    let queues: UnsafeMutablePointer<ConnectionQueue>
    let queueCount: Int
    let schedules: UnsafeMutableBufferPointer<ArrivalSchedule>
    let counts: UnsafeMutableBufferPointer<LoadCounts>
    let cumulativeWeights: UnsafeMutableBufferPointer<Int>
    let replyTypes: UnsafeMutableBufferPointer<UInt8>
    let repliesValue: UnsafeMutableBufferPointer<Bool>
    let acknowledged: UnsafeMutableBufferPointer<UInt32>
    let unacknowledged: UnsafeMutableBufferPointer<UInt32>
    /// Connections with something rendered in this turn.
    let touched: UnsafeMutableBufferPointer<Int32>
    var touchedCount = 0
    private let receiveBuffer: UnsafeMutablePointer<UInt8>

    var renderer: RequestRenderer
    let isOpen: Bool
    let isClosedLoop: Bool
    let commandCount: Int
    let recordedIndices: [Int]
    var recordedCursor = 0

    var errors: [String: Int64] = [:]
    /// Sent and not answered, over all connections.
    var pendingTotal = 0
    var unmeasuredReplies: Int64 = 0
    var openCount = 0
    var isExhausted = false
    var startAt: Int64 = 0
    var measureFrom = Int64.max
    var endAt = Int64.max
    var lastReplyAt: Int64 = 0
    var lastAliveAt: Int64 = 0
    var interval = 0
    var nextTick = Int64.max

    private static let receiveBytes = 1 << 16
    static let retryNanoseconds: Int64 = 50_000_000

    init(_ plan: LoadPlan, _ board: RunBoard, number: Int, addresses: [[SocketAddress]]) throws(SystemError) {
        self.plan = plan
        self.board = board
        self.number = number
        self.addresses = addresses
        let nodes = plan.targets.count
        let clients = (plan.clients - number + plan.threads - 1) / plan.threads
        connectionCount = clients * (plan.takesTurns ? nodes : 1)
        poller = try Poller(capacity: min(max(connectionCount, 16), 1024))
        connections = .allocate(capacity: max(connectionCount, 1))
        for index in 0..<connectionCount {
            let (client, turn) = plan.takesTurns ? (index / nodes, index % nodes) : (index, 0)
            let node = (client * plan.threads + number + turn) % nodes
            let successor = plan.takesTurns ? client * nodes + (turn + 1) % nodes : index
            (connections + index).initialize(
                to: LoadConnection(node: node, successor: successor, pipeline: plan.pipeline))
        }
        isOpen = plan.isOpen
        if case .closed = plan.mode { isClosedLoop = true } else { isClosedLoop = false }
        queueCount = isClosedLoop ? 1 : nodes
        queues = .allocate(capacity: queueCount)
        for queue in 0..<queueCount { (queues + queue).initialize(to: ConnectionQueue(capacity: connectionCount)) }
        schedules = copiedBuffer(Self.schedules(plan, number))
        commandCount = max(plan.commands.count, 1)
        counts = copiedBuffer([LoadCounts](repeating: LoadCounts(), count: nodes * commandCount))
        var total = 0
        cumulativeWeights = copiedBuffer(
            plan.weights.map { weight in
                total += weight
                return total
            })
        replyTypes = copiedBuffer(plan.commands.map(\.replyType))
        repliesValue = copiedBuffer(plan.commands.map(\.repliesValue))
        let keys = plan.tracksKeys ? plan.shape.keyCount : 0
        acknowledged = copiedBuffer([UInt32](repeating: 0, count: keys))
        unacknowledged = copiedBuffer([UInt32](repeating: 0, count: keys))
        touched = copiedBuffer([Int32](repeating: 0, count: connectionCount))
        receiveBuffer = .allocate(capacity: Self.receiveBytes + ReplyScanner.lineBytesMax + 64)
        if case .recorded(let load) = plan.mode {
            recordedIndices = load.requests.indices.filter { load.requests[$0].client % plan.threads == number }
        } else {
            recordedIndices = []
        }
        let seed = plan.seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15
        renderer = RequestRenderer(
            plan.commands, pool: ValuePool(valueBytesMax: plan.shape.valueSizes.upperBound),
            keys: KeyChooser(plan.distribution, count: plan.shape.keyCount, worker: number, workers: plan.threads),
            seed: seed)
    }

    deinit {
        connections.deinitialize(count: connectionCount).deallocate()
        queues.deinitialize(count: queueCount).deallocate()
        for buffer in [cumulativeWeights] { buffer.deallocate() }
        counts.deinitialize()
        counts.deallocate()
        schedules.deinitialize()
        schedules.deallocate()
        replyTypes.deallocate()
        repliesValue.deallocate()
        acknowledged.deallocate()
        unacknowledged.deallocate()
        touched.deallocate()
        receiveBuffer.deallocate()
    }

    private static func schedules(_ plan: LoadPlan, _ number: Int) -> [ArrivalSchedule] {
        guard case .open(let rates, let arrival) = plan.mode else { return [] }
        let nodes = plan.targets.count
        let rated = rates.preceded(bySeconds: plan.warmupSeconds)
        return (0..<nodes).map { node in
            let share = number * nodes + node
            return ArrivalSchedule(
                rated, arrival, share: share, of: plan.threads * nodes, seed: plan.seed &+ UInt64(share) &* 7919)
        }
    }

    // MARK: The life of a run

    func run() {
        Thread.keepTimersPrecise()
        guard connectAll() else { return finish() }
        board.reportConnected()
        while board.startNanoseconds == 0, !board.isStopped { _ = turnWithoutSending(milliseconds: 1) }
        startAt = board.startNanoseconds
        while SystemClock.monotonicNanoseconds < startAt { _ = turnWithoutSending(milliseconds: 0) }
        guard !board.isStopped else { return finish() }
        measureFrom = startAt + Int64(plan.warmupSeconds * 1e9)
        if let seconds = plan.durationSeconds { endAt = measureFrom + Int64(seconds * 1e9) }
        nextTick = measureFrom + Int64(plan.intervalSeconds * 1e9)
        lastAliveAt = startAt
        for index in 0..<connectionCount where connections[index].state == .open { mayStart(index) }
        var cpu = ProcessFacts.threadCPUTimes
        var cpuSince = startAt
        while true {
            let now = SystemClock.monotonicNanoseconds
            if cpuSince < measureFrom, now >= measureFrom {
                cpu = ProcessFacts.threadCPUTimes
                cpuSince = measureFrom
            }
            if now >= nextTick { tick(now) }
            if isOver(now) { break }
            dispatch(now)
            let ready = poller.wait(timeoutNanoseconds: waitNanoseconds(SystemClock.monotonicNanoseconds))
            for index in 0..<ready { handle(poller[index]) }
            if openCount < connectionCount { reviveConnections() }
        }
        let used = ProcessFacts.threadCPUTimes
        var report = WorkerReport()
        report.cpuMicroseconds =
            used.userMicroseconds + used.systemMicroseconds - cpu.userMicroseconds - cpu.systemMicroseconds
        report.wallMicroseconds = (SystemClock.monotonicNanoseconds - cpuSince) / 1000
        finish(report)
    }

    private func finish(_ report: WorkerReport = WorkerReport()) {
        countUnsent()
        var report = report
        for index in 0..<connectionCount { abandonPending(index, as: "NOREPLY") }
        board.add(counts, interval: interval)
        report.unmeasuredReplies = unmeasuredReplies
        report.acknowledged = Array(acknowledged)
        report.unacknowledged = Array(unacknowledged)
        board.finish(report, errors: errors, measuredFrom: measureFrom, lastReply: lastReplyAt)
    }

    private func isOver(_ now: Int64) -> Bool {
        if board.isStopped { return true }
        let isComplete = isExhausted || now >= endAt && !hasBacklog
        if isComplete, pendingTotal == 0 { return true }
        if endAt != Int64.max, now > endAt + LoadPlan.graceNanoseconds { return true }
        if openCount > 0 { lastAliveAt = now }
        if now - lastAliveAt > LoadPlan.outageNanosecondsMax, !plan.outlastsOutages {
            board.fail(BenchFailure(description: "the server closed all connections", exitStatus: 3))
            return true
        }
        return false
    }

    /// Brings what was counted in intervals that are over.
    private func tick(_ now: Int64) {
        while now >= nextTick {
            board.add(counts, interval: interval)
            interval += 1
            nextTick = measureFrom + Int64(Double(interval + 1) * plan.intervalSeconds * 1e9)
        }
    }

    // MARK: Events

    func turnWithoutSending(milliseconds: Int) -> Int {
        let ready = poller.wait(timeoutMilliseconds: milliseconds)
        for index in 0..<ready { handle(poller[index]) }
        return ready
    }

    @inline(__always)
    private func handle(_ event: PollEvent) {
        let index = Int(event.token)
        switch connections[index].state {
        case .open, .greeting:
            if event.isReadable { receive(index) }
            if event.isWritable, connections[index].state != .closed, !connections[index].output.isEmpty { send(index) }
        case .connecting: if event.isWritable { finishConnecting(index) }
        case .closed: break
        }
    }

    @inline(__always)
    private func receive(_ index: Int) {
        while true {
            let kept = connections[index].carry.count
            if kept > 0 { receiveBuffer.update(from: connections[index].carry.view.start, count: kept) }
            let count = Socket.receive(
                connections[index].socket, into: receiveBuffer + kept, count: Self.receiveBytes)
            if count == Refusal.wouldBlock { return }
            if count <= 0 { return lose(index) }
            connections[index].carry.removeAll()
            guard readReplies(index, end: kept + count) else { return }
            if count < Self.receiveBytes { return }
        }
    }

    /// False when the connection is gone.
    @inline(__always)
    private func readReplies(_ index: Int, end: Int) -> Bool {
        let now = SystemClock.monotonicNanoseconds
        var at = 0
        while at < end {
            var expected: UnsafePointer<UInt8>?
            if plan.shape.verifies, connections[index].pending.count > 0 {
                let request = connections[index].pending.first
                if request.command >= 0, repliesValue[Int(request.command)] {
                    expected = renderer.expected(ofKey: request.key)
                }
            }
            switch connections[index].scanner.scan(receiveBuffer, &at, end, expected: expected) {
            case .reply:
                complete(index, now)
                if connections[index].state == .closed || connections[index].state == .connecting { return false }
            case .incomplete:
                if at < end { connections[index].carry.append(ByteView(start: receiveBuffer + at, count: end - at)) }
                return true
            case .malformed:
                board.fail(
                    BenchFailure(
                        description: "\(plan.targets[connections[index].node].name) sent what is no reply",
                        exitStatus: 1))
                return false
            }
        }
        return true
    }

    @inline(__always)
    private func complete(_ index: Int, _ now: Int64) {
        if connections[index].prologueLeft > 0 { return greeted(index) }
        guard connections[index].pending.count > 0 else { return unexpected(index) }
        let request = connections[index].pending.removeFirst()
        pendingTotal -= 1
        if request.command >= 0 { record(request, index, now) }
        if isClosedLoop {
            if connections[index].pending.count == 0 { finishBatch(index) }
        } else if !connections[index].isQueued {
            mayStart(index)
        }
    }

    @inline(__always)
    private func record(_ request: PendingRequest, _ index: Int, _ now: Int64) {
        let command = Int(request.command)
        let slot = connections[index].node * commandCount + command
        if connections[index].scanner.isError {
            let code = errorCode(index)
            if request.isMeasured { counts[slot].errors += 1 }
            if request.isMeasured { errors[code, default: 0] += 1 }
            return
        }
        if plan.tracksKeys, request.key < acknowledged.count { acknowledged[request.key] += 1 }
        guard request.isMeasured else {
            unmeasuredReplies += 1
            return
        }
        counts[slot].replies += 1
        counts[slot].service.record((now - request.sentAt + 500) / 1000)
        if isOpen { counts[slot].response.record((now - request.intendedAt + 500) / 1000) }
        if connections[index].scanner.isNull { counts[slot].nulls += 1 }
        if plan.shape.verifies, !isBelievable(index, command) { counts[slot].mismatches += 1 }
        lastReplyAt = now
    }

    private func isBelievable(_ index: Int, _ command: Int) -> Bool {
        let wanted = replyTypes[command]
        if connections[index].scanner.isNull { return wanted == 0 || wanted == UInt8(ascii: "$") }
        if wanted != 0, connections[index].scanner.type != wanted { return false }
        guard repliesValue[command] else { return true }
        return connections[index].scanner.isAsExpected
            && plan.shape.valueSizes ~= connections[index].scanner.bulkBytes
    }

    /// The first word of an error, as Redis counts them.
    private func errorCode(_ index: Int) -> String {
        let line = connections[index].scanner.line
        let text = String(
            decoding: UnsafeBufferPointer(start: receiveBuffer + line.lowerBound, count: min(line.count, 200)),
            as: UTF8.self)
        return text.split(separator: " ").first.map(String.init) ?? "ERR"
    }

    func errorText(_ index: Int) -> String {
        let line = connections[index].scanner.line
        return String(
            decoding: UnsafeBufferPointer(start: receiveBuffer + line.lowerBound, count: line.count), as: UTF8.self)
    }
}

func copiedBuffer<Element>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
    let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
    _ = memory.initialize(from: elements)
    return memory
}

extension RatePlan {
    /// The first rate for so much longer.
    func preceded(bySeconds seconds: Double) -> RatePlan {
        guard seconds > 0, let first = steps.first else { return self }
        var steps = steps
        steps[0] = Step(perSecond: first.perSecond, seconds: first.seconds + seconds)
        return RatePlan(steps: steps)
    }
}
