/// The comparison itself is tested: two redis-servers, one of them made to differ.
///
/// A comparison that finds nothing between two equal servers proves little until it is seen to find what is
/// there; and what it finds must come back as a few commands.
import Base
import Synchronization
import TestSupport
import Testing

/// A difference, made by changing what the subject is asked or what it is heard to say.
struct PlantedDifference: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var seed: UInt64 = 1
    /// What the finding may be about.
    let shownBy: Set<String>?
    /// How many steps it must shrink to.
    let steps: Int
    var alterRequest: (@Sendable (Command) -> Command)?
    var alterReply: (@Sendable (Command, Reply) -> Reply)?
}

private func name(_ command: Command) -> String {
    String(decoding: command.first ?? [], as: UTF8.self).uppercased()
}

private func has(_ command: Command, _ word: String) -> Bool {
    command.contains { String(decoding: $0, as: UTF8.self).uppercased() == word }
}

private func replacing(_ command: Command, _ word: String, _ other: String) -> Command {
    command.map { String(decoding: $0, as: UTF8.self).uppercased() == word ? Array(other.utf8) : $0 }
}

private let plantedDifferences: [PlantedDifference] = [
    PlantedDifference(
        testDescription: "saturating bit fields wrap", shownBy: nil, steps: 4,
        alterRequest: { name($0) == "BITFIELD" ? replacing($0, "SAT", "WRAP") : $0 }),
    PlantedDifference(
        testDescription: "GETEX PERSIST keeps the deadline", shownBy: nil, steps: 5,
        alterRequest: { name($0) == "GETEX" && $0.count == 3 && has($0, "PERSIST") ? Array($0.dropLast()) : $0 }),
    PlantedDifference(
        testDescription: "EXPIRE GT always sets", shownBy: nil, steps: 5,
        alterRequest: { name($0) == "EXPIRE" && $0.count == 4 && has($0, "GT") ? Array($0.dropLast()) : $0 }),
    PlantedDifference(
        testDescription: "WATCH watches nothing", seed: 2, shownBy: ["EXEC"], steps: 8,
        alterRequest: { name($0) == "WATCH" && $0.count == 2 ? words("WATCH nosuchkey") : $0 }),
    PlantedDifference(
        testDescription: "KEEPTTL is ignored", shownBy: nil, steps: 6,
        alterRequest: { command in
            guard name(command) == "SET", has(command, "KEEPTTL"), command.count == 4 else { return command }
            return Array(command.dropLast())
        }),
    PlantedDifference(
        testDescription: "an error in other words", shownBy: nil, steps: 3,
        alterReply: { _, reply in
            reply == .error(Array("ERR increment or decrement would overflow".utf8))
                ? .error(Array("ERR increment or decrement would overflow.".utf8)) : reply
        }),
    PlantedDifference(
        testDescription: "RESP2's null in RESP3", seed: 2, shownBy: nil, steps: 3,
        alterReply: { command, reply in name(command) == "GETDEL" && reply == .null ? .nullBulk : reply }),
    PlantedDifference(
        testDescription: "TTL in a wrong unit", shownBy: ["TTL"], steps: 4,
        alterReply: { command, reply in
            guard name(command) == "TTL", let seconds = reply.integerValue, seconds > 0 else { return reply }
            return .integer(seconds / 60)
        }),
    PlantedDifference(
        testDescription: "KEYS loses a key", shownBy: ["KEYS"], steps: 8,
        alterReply: { command, reply in
            guard name(command) == "KEYS", let keys = reply.elements, keys.count > 5 else { return reply }
            return .array(Array(keys.dropLast()))
        }),
    PlantedDifference(
        testDescription: "a payload of another value", shownBy: ["DUMP"], steps: 4,
        alterReply: { command, reply in
            guard name(command) == "DUMP", !reply.isNull, !reply.isError, reply != .queued else { return reply }
            return .bulk(StringPayload.encode(Array("other".utf8), style: 0))
        }),
]

extension EndToEnd {
    @Suite struct PlantedDifferences {
        private func run(seed: UInt64) throws -> DifferenceRun {
            let version = DifferencePlan.protocolVersion(seed: seed)
            return DifferenceRun(
                oracle: try Endpoint(server: try .start(.redis), protocolVersion: version),
                subject: try Endpoint(server: try .start(.redis), protocolVersion: version))
        }

        @Test("A planted difference is found and shrunk", arguments: plantedDifferences)
        func found(_ planted: PlantedDifference) throws {
            let run = try run(seed: planted.seed)
            run.subject.alterRequest = planted.alterRequest
            run.subject.alterReply = planted.alterReply
            var summary = DifferenceSummary()
            try run.runSeed(planted.seed, commands: 36_000, stopAfter: 1, into: &summary)
            let finding = try #require(summary.findings.first, "not found in \(summary.commands) commands")
            let shrunk = try #require(finding.shrunk, "not reproduced: \(finding)")
            #expect(shrunk.steps.count <= planted.steps, "\(finding)")
            if let names = planted.shownBy { #expect(names.contains(shrunk.mismatch.step.name), "\(finding)") }
        }

        @Test("One altered reply in ten thousand is found")
        func rareAlteration() throws {
            let run = try run(seed: 3)
            let count = Mutex(0)
            run.subject.alterReply = { _, reply in
                let isAltered = count.withLock { count in
                    count += 1
                    return count == 10_000
                }
                guard isAltered else { return reply }
                return reply == .nullBulk ? .ok : .nullBulk
            }
            var summary = DifferenceSummary()
            try run.runSeed(3, commands: 20_000, stopAfter: 1, into: &summary)
            #expect(summary.findings.count == 1)
            #expect((9_000...11_000).contains(summary.findings.first?.stepInSeed ?? 0))
        }

        @Test("The same seed gives the same commands")
        func deterministic() {
            var (first, second) = (CommandGenerator(seed: 5), CommandGenerator(seed: 5))
            for _ in 0..<200 { #expect(first.nextBatch().map(\.text) == second.nextBatch().map(\.text)) }
        }

        @Test("A server that dies is a finding, and is started again")
        func crash() throws {
            let run = try run(seed: 1)
            let process = run.subject.server.process
            run.subject.alterRequest = { command in
                if command == words("GET k3") { process.signal(9) }
                return command
            }
            var summary = DifferenceSummary()
            try run.runSeed(1, commands: 6_000, stopAfter: 1, into: &summary)
            #expect(summary.findings.first?.mismatch.reason == "no reply")
            #expect(run.subject.server.process.identifier != process.identifier)
        }
    }
}
