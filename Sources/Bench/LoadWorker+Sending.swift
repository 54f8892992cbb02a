/// What a worker sends, and when.
import Base
import OS

extension LoadWorker {
    /// Puts a connection where it may send from.
    @inline(__always)
    func mayStart(_ index: Int) {
        guard !connections[index].isQueued, connections[index].state == .open else { return }
        if isClosedLoop, plan.takesTurns, !clientIsIdle(index) { return }
        if recordedIndices.isEmpty == false { return }
        connections[index].isQueued = true
        queues[isClosedLoop ? 0 : connections[index].node].append(index)
    }

    /// Of a client with several connections: none of them is at work or about to be.
    private func clientIsIdle(_ index: Int) -> Bool {
        var other = index
        repeat {
            if connections[other].isQueued || connections[other].pending.count > 0 { return false }
            other = connections[other].successor
        } while other != index
        return true
    }

    /// All replies of a batch are there: the client's next connection may send.
    @inline(__always)
    func finishBatch(_ index: Int) {
        if !plan.keepsAlive { reconnect(index) }
        var next = connections[index].successor
        while connections[next].state != .open, next != index { next = connections[next].successor }
        mayStart(next)
    }

    @inline(__always)
    func dispatch(_ now: Int64) {
        if isClosedLoop {
            dispatchBatches()
        } else if recordedIndices.isEmpty {
            dispatchArrivals(now)
        } else {
            dispatchRecorded(now)
        }
    }

    // MARK: Closed loop

    @inline(__always)
    private func dispatchBatches() {
        while queues[0].count > 0 {
            let index = queues[0].removeFirst()
            connections[index].isQueued = false
            guard connections[index].state == .open else { continue }
            let now = SystemClock.monotonicNanoseconds
            if now >= endAt { continue }
            let isMeasured = now >= measureFrom
            var wanted = plan.pipeline
            if isMeasured {
                let claimed = board.claim(wanted)
                wanted = claimed.count
                if wanted == 0 {
                    isExhausted = true
                    continue
                }
                if plan.countsThroughKeys { renderer.seek(to: claimed.first) }
            }
            for _ in 0..<wanted { append(index, intendedAt: now, isMeasured: isMeasured) }
            flush(index)
        }
    }

    @inline(__always)
    private func append(_ index: Int, intendedAt: Int64, isMeasured: Bool) {
        let command = commandCount == 1 ? 0 : drawCommand()
        renderer.render(command, into: &connections[index].output)
        connections[index].pending.append(
            PendingRequest(
                sentAt: intendedAt, intendedAt: intendedAt, command: Int32(truncatingIfNeeded: command),
                isMeasured: isMeasured, key: renderer.lastKey))
        connections[index].unmarked += 1
        pendingTotal += 1
    }

    @inline(__always)
    private func drawCommand() -> Int {
        let drawn = renderer.drawBelow(cumulativeWeights[commandCount - 1])
        var command = 0
        while cumulativeWeights[command] <= drawn { command += 1 }
        return command
    }

    // MARK: Open loop

    /// Arrivals of the past that still wait for a connection.
    var hasBacklog: Bool {
        if isClosedLoop || isExhausted { return false }
        if !recordedIndices.isEmpty { return recordedCursor < recordedIndices.count }
        return schedules.contains { startAt + Int64(min($0.next, 4e18).rounded()) < endAt }
    }

    private func dispatchArrivals(_ now: Int64) {
        for node in 0..<queueCount {
            while queues[node].count > 0, !isExhausted {
                let next = schedules[node].next
                guard next < 4e18, case let intendedAt = startAt + Int64(next.rounded()), intendedAt <= now,
                    intendedAt < endAt
                else { break }
                let isMeasured = intendedAt >= measureFrom
                if isMeasured, board.claim(1).count == 0 {
                    isExhausted = true
                    break
                }
                let index = queues[node].removeFirst()
                connections[index].isQueued = false
                guard connections[index].state == .open else {
                    if isMeasured { board.giveBack(1) }
                    continue
                }
                schedules[node].advance()
                touch(index)
                append(index, intendedAt: intendedAt, isMeasured: isMeasured)
                if connections[index].pending.count < plan.pipeline { mayStart(index) }
            }
            // The plan of rates is over.
            if schedules[node].next >= 4e18, schedules.allSatisfy({ $0.next >= 4e18 }) { isExhausted = true }
        }
        flushTouched()
    }

    @inline(__always)
    private func touch(_ index: Int) {
        guard connections[index].unmarked == 0 else { return }
        touched[touchedCount] = Int32(truncatingIfNeeded: index)
        touchedCount += 1
    }

    private func flushTouched() {
        for place in 0..<touchedCount { flush(Int(touched[place])) }
        touchedCount = 0
    }

    /// What was meant to be sent and never could be is counted, with as long as it has waited already.
    func countUnsent() {
        guard !recordedIndices.isEmpty || !isClosedLoop, startAt > 0, !board.isStopped else { return }
        let now = SystemClock.monotonicNanoseconds
        for node in schedules.indices where !isExhausted {
            while startAt + Int64(min(schedules[node].next, 4e18).rounded()) < min(endAt, now) {
                let intendedAt = startAt + Int64(schedules[node].next.rounded())
                if intendedAt >= measureFrom {
                    counts[node * commandCount].errors += 1
                    counts[node * commandCount].response.record((now - intendedAt) / 1000)
                    errors["UNSENT", default: 0] += 1
                }
                schedules[node].advance()
            }
        }
    }

    // MARK: Recorded

    private func dispatchRecorded(_ now: Int64) {
        guard case .recorded(let load) = plan.mode else { return }
        while recordedCursor < recordedIndices.count {
            let request = load.requests[recordedIndices[recordedCursor]]
            var intendedAt = now
            if load.speed > 0 {
                intendedAt = startAt + Int64(Double(request.nanoseconds) / load.speed)
                if intendedAt > now { break }
            }
            let index = request.client / plan.threads % connectionCount
            guard connections[index].state == .open else { break }
            if load.speed == 0, connections[index].pending.count >= plan.pipeline { break }
            recordedCursor += 1
            touch(index)
            if connections[index].database != request.database { select(request.database, index, intendedAt) }
            load.bytes.withView { connections[index].output.append($0.slice(request.offset, request.count)) }
            connections[index].pending.append(
                PendingRequest(
                    sentAt: now, intendedAt: intendedAt, command: Int32(truncatingIfNeeded: request.command),
                    isMeasured: true, key: 0))
            connections[index].unmarked += 1
            pendingTotal += 1
        }
        if recordedCursor == recordedIndices.count { isExhausted = true }
        flushTouched()
    }

    private func select(_ database: Int, _ index: Int, _ now: Int64) {
        connections[index].output.append(request: [Array("SELECT".utf8), Array("\(database)".utf8)])
        connections[index].pending.append(
            PendingRequest(sentAt: now, intendedAt: now, command: -1, isMeasured: false, key: 0))
        connections[index].unmarked += 1
        pendingTotal += 1
        connections[index].database = database
    }

    // MARK: Sockets

    /// Says when what was rendered went out, and sends it.
    @inline(__always)
    func flush(_ index: Int) {
        let rendered = connections[index].unmarked
        connections[index].unmarked = 0
        connections[index].pending.markSent(last: rendered, at: SystemClock.monotonicNanoseconds)
        send(index)
    }

    @inline(__always)
    func send(_ index: Int) {
        while !connections[index].output.isEmpty {
            let count = Socket.send(connections[index].socket, connections[index].output.view)
            if count == Refusal.wouldBlock { return }
            if count <= 0 { return lose(index) }
            connections[index].output.consume(count)
        }
    }

    /// How long nothing can happen but replies.
    @inline(__always)
    func waitNanoseconds(_ now: Int64) -> Int64 {
        var until = min(nextTick, now + 100_000_000)
        if endAt > now { until = min(until, endAt) }
        if now < measureFrom { until = min(until, measureFrom) }
        if openCount < connectionCount { until = min(until, now + Self.retryNanoseconds / 2) }
        if isClosedLoop || isExhausted { return max(until - now, 0) }
        if !recordedIndices.isEmpty { return max(min(until, nextRecorded) - now, 0) }
        for node in 0..<queueCount where queues[node].count > 0 && schedules[node].next < 4e18 {
            let next = startAt + Int64(schedules[node].next.rounded())
            if next < endAt { until = min(until, next) }
        }
        return max(until - now, 0)
    }

    private var nextRecorded: Int64 {
        guard case .recorded(let load) = plan.mode, load.speed > 0, recordedCursor < recordedIndices.count else {
            return Int64.max
        }
        let request = load.requests[recordedIndices[recordedCursor]]
        let isBlocked = connections[request.client / plan.threads % connectionCount].state != .open
        return isBlocked ? Int64.max : startAt + Int64(Double(request.nanoseconds) / load.speed)
    }
}
