/// Plays steps on both servers and says where their replies part.
import TestSupport

struct Mismatch {
    /// Index of the step in the list played.
    let index: Int
    let step: Step
    let expected: String
    let actual: String
    let reason: String
}

final class DifferenceRun {
    let oracle: Endpoint
    let subject: Endpoint
    /// Float replies that were equal as numbers and not as text; the state may differ from there on.
    private(set) var lastDigitDifferences = 0
    /// Transactions that only a2 refused, bits of a key they watch having been written. The state differs from there on.
    private(set) var refusalsForBits = 0
    private var watches = [Watch(), Watch()]
    /// Per command, how many replies of the oracle were errors and how many were not: a generator that only
    /// provokes errors compares little.
    private(set) var coverage: [String: (answers: Int, errors: Int)] = [:]
    /// Comparisons of what each connection has queued in its transaction, or nil outside.
    private var transactions: [[QueuedCommand]?] = [nil, nil]

    init(oracle: Endpoint, subject: Endpoint) {
        self.oracle = oracle
        self.subject = subject
    }

    /// Starts from two empty servers.
    func reset() throws {
        try oracle.reset()
        try subject.reset()
        transactions = [nil, nil]
        watches = [Watch(), Watch()]
    }

    /// Plays `steps` in their batches and stops at the first difference.
    func play(_ steps: [Step], offset: Int = 0) throws -> Mismatch? {
        var start = 0
        while start < steps.count {
            if case .procedure(let procedure) = steps[start].action {
                if let found = try perform(procedure, steps[start], offset + start) { return found }
                start += 1
                continue
            }
            var end = start
            while end < steps.count, steps[end].batch == steps[start].batch,
                steps[end].connection == steps[start].connection, case .command = steps[end].action
            {
                end += 1
            }
            if let found = try playBatch(steps[start..<end], offset) { return found }
            start = end
        }
        return nil
    }

    private func playBatch(_ batch: ArraySlice<Step>, _ offset: Int) throws -> Mismatch? {
        guard let connection = batch.first?.connection else { return nil }
        let commands = batch.compactMap { step -> Command? in
            if case .command(let command, _) = step.action { return command }
            return nil
        }
        try oracle.send(commands, on: connection)
        let sendFailure = failure { try subject.send(commands, on: connection) }
        var payloads: [(step: Int, expected: [UInt8], actual: [UInt8])] = []
        for index in batch.indices {
            guard case .command(let command, let comparison) = batch[index].action else { continue }
            let expected: Reply
            do { expected = try oracle.receive(command, on: connection) } catch {
                throw TestSupportError("redis-server, asked \(batch[index].text): \(error)")
            }
            let actual: Reply
            do {
                if let sendFailure { throw TestSupportError(sendFailure) }
                actual = try subject.receive(command, on: connection)
            } catch {
                return Mismatch(
                    index: offset + index, step: batch[index], expected: "\(expected)", actual: "(\(error))",
                    reason: "no reply")
            }
            let isRefusedForBits = watches[connection].excuses(expected, actual, of: command)
            for connection in watches.indices {
                let isTaken = !expected.isError && expected != .queued
                watches[connection].note(command, isOwn: isTaken && connection == batch[index].connection)
            }
            if isRefusedForBits {
                // What else was sent with it is answered out of two states.
                for later in batch[(index + 1)...] {
                    guard case .command(let command, _) = later.action else { continue }
                    _ = try oracle.receive(command, on: connection)
                    _ = try subject.receive(command, on: connection)
                }
                refusalsForBits += 1
                return nil
            }
            count(expected, batch[index])
            let queued = note(command, expected, comparison, on: connection)
            var found: [(expected: [UInt8], actual: [UInt8])] = []
            let asked = QueuedCommand(command: command, comparison: comparison)
            if let reason = difference(expected, actual, asked, queued: queued, payloads: &found) {
                return Mismatch(
                    index: offset + index, step: batch[index], expected: "\(expected)", actual: "\(actual)",
                    reason: reason)
            }
            if case .float = comparison, expected != actual { lastDigitDifferences += 1 }
            payloads += found.map { (index, $0.expected, $0.actual) }
        }
        let rest = (try? subject.connections[connection].unexpectedBytes()) ?? []
        if !rest.isEmpty, let last = batch.indices.last {
            return Mismatch(
                index: offset + last, step: batch[last], expected: "(nothing more)", actual: escaped(rest),
                reason: "more replies than commands")
        }
        return try comparePayloads(payloads, batch, offset)
    }

    private func count(_ expected: Reply, _ step: Step) {
        guard expected != .queued else { return }
        let name = step.name
        guard let word = name.split(separator: " ").first, knownNames.contains(String(word)) else { return }
        if expected.isError {
            coverage[name, default: (0, 0)].errors += 1
        } else {
            coverage[name, default: (0, 0)].answers += 1
        }
    }

    /// Keeps the oracle's transaction state and returns what EXEC is to be compared by.
    private func note(
        _ command: Command, _ expected: Reply, _ comparison: Comparison, on connection: Int
    ) -> [QueuedCommand] {
        if expected == .queued {
            transactions[connection]?.append(QueuedCommand(command: command, comparison: comparison))
            return []
        }
        let name = String(decoding: command.first ?? [], as: UTF8.self).uppercased()
        switch name {
        case "MULTI" where !expected.isError: transactions[connection] = []
        case "EXEC" where command.count == 1, "DISCARD" where command.count == 1, "RESET" where command.count == 1:
            defer { transactions[connection] = nil }
            return transactions[connection] ?? []
        default: break
        }
        return []
    }

    /// Each side must read the other's payload as the same value.
    private func comparePayloads(
        _ payloads: [(step: Int, expected: [UInt8], actual: [UInt8])], _ batch: ArraySlice<Step>, _ offset: Int
    ) throws -> Mismatch? {
        for (index, expected, actual) in payloads {
            let wanted = try oracle.value(ofPayload: expected)
            let pairs = [
                ("redis reads the subject's payload as", try oracle.value(ofPayload: actual)),
                ("the subject reads its own payload as", try subject.value(ofPayload: actual)),
                ("the subject reads redis' payload as", try subject.value(ofPayload: expected)),
            ]
            for (name, value) in pairs where value != wanted {
                return Mismatch(
                    index: offset + index, step: batch[index], expected: "\(wanted)", actual: "\(value)",
                    reason: "\(name) something else (redis' payload \(escaped(expected)), subject's \(escaped(actual)))"
                )
            }
        }
        return nil
    }

    private func failure(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch { return "\(error)" }
    }

    // MARK: Procedures

    private func perform(_ procedure: Procedure, _ step: Step, _ index: Int) throws -> Mismatch? {
        guard transactions[step.connection] == nil else { return nil }
        func mismatch(_ expected: String, _ actual: String, _ reason: String) -> Mismatch? {
            Mismatch(index: index, step: step, expected: expected, actual: actual, reason: reason)
        }
        let connection = step.connection
        func both<Value>(_ body: (Endpoint) throws -> Value) throws -> (Value, Result<Value, any Error>) {
            (try body(oracle), Result { try body(subject) })
        }
        switch procedure {
        case .fullScan(let options):
            let (expected, actual) = try both { try self.fullScan($0, options, connection) }
            let found = (try? actual.get())
            return found == expected ? nil : mismatch("\(expected)", "\(actual)", "different keys from a full scan")
        case .randomKey:
            return try randomKeyMismatch(connection).flatMap { mismatch($0.0, $0.1, "a key that does not exist") }
        case .awaitExpiry(let key):
            for endpoint in [oracle, subject] {
                let gone = try poll(forSeconds: 5) {
                    try endpoint.call([Array("EXISTS".utf8), key], on: connection) == .integer(0)
                }
                if !gone {
                    return mismatch("gone", "still there", "\(endpoint.server.kind.rawValue) does not expire it")
                }
            }
            return nil
        case .silenced(let commands, let replies):
            // A marker shows how many replies came before it.
            let marker: Command = [Array("ECHO".utf8), Array("end of the silenced commands".utf8)]
            let (expected, actual) = try both { try self.replies($0, commands + [marker], replies + 1, connection) }
            let found = try? actual.get()
            return found == expected ? nil : mismatch("\(expected)", "\(actual)", "different replies")
        case .closing(let commands):
            let (expected, actual) = try both { endpoint -> [UInt8] in
                try endpoint.send(commands, on: connection)
                let bytes = try endpoint.connections[connection].receiveToEnd()
                try endpoint.reopen(connection)
                return bytes
            }
            let found = try? actual.get()
            return found == expected
                ? nil : mismatch(escaped(expected), found.map { escaped($0) } ?? "\(actual)", "different last words")
        }
    }

    private func fullScan(_ endpoint: Endpoint, _ options: Command, _ connection: Int) throws -> [String] {
        var cursor = Array("0".utf8)
        var keys: Set<String> = []
        for _ in 0..<10_000 {
            let reply = try endpoint.call([Array("SCAN".utf8), cursor] + options, on: connection)
            guard let parts = reply.elements, parts.count == 2, let next = parts[0].bytes, let page = parts[1].elements
            else { return ["\(reply)"] }
            for key in page { keys.insert("\(key)") }
            cursor = next
            if cursor == [48] { return keys.sorted() }
        }
        throw TestSupportError("a scan that does not end")
    }

    private func randomKeyMismatch(_ connection: Int) throws -> (String, String)? {
        let expected = try oracle.call([Array("RANDOMKEY".utf8)], on: connection)
        let actual: Reply
        do { actual = try subject.call([Array("RANDOMKEY".utf8)], on: connection) } catch {
            return ("\(expected)", "(\(error))")
        }
        guard expected.typeName == actual.typeName else { return ("\(expected)", "\(actual)") }
        guard let key = actual.bytes, !actual.isError else {
            return expected == actual ? nil : ("\(expected)", "\(actual)")
        }
        let exists = try oracle.call([Array("EXISTS".utf8), key], on: connection)
        return exists == .integer(1) ? nil : ("a key like \(expected)", "\(actual)")
    }

    private func replies(
        _ endpoint: Endpoint, _ commands: [Command], _ count: Int, _ connection: Int
    ) throws -> [Reply] {
        try endpoint.send(commands, on: connection)
        var all: [Reply] = []
        for _ in 0..<count { all.append(try endpoint.receive(commands[0], on: connection)) }
        return all
    }
}

/// What a connection watches, and whether SETBIT or BITFIELD has been at it since.
private struct Watch {
    private var keys: Set<[UInt8]> = []
    private var hasBitsWritten = false

    /// `isOwn`: the connection has sent it, and it was taken.
    mutating func note(_ command: Command, isOwn: Bool) {
        switch String(decoding: command.first ?? [], as: UTF8.self).uppercased() {
        case "WATCH" where isOwn: keys.formUnion(command.dropFirst())
        case "EXEC" where isOwn, "DISCARD" where isOwn, "UNWATCH" where isOwn, "RESET" where isOwn: self = Watch()
        case "SETBIT", "BITFIELD":
            if command.count > 1, keys.contains(command[1]) { hasBitsWritten = true }
        default: break
        }
    }

    /// See `IntendedDifference`: a2 refuses a transaction that Redis takes.
    func excuses(_ expected: Reply, _ actual: Reply, of command: Command) -> Bool {
        guard hasBitsWritten, case .array = expected, actual == .null || actual == .nullArray else { return false }
        return String(decoding: command.first ?? [], as: UTF8.self).uppercased() == "EXEC"
    }
}
