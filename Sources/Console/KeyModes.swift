/// `--scan`, `--bigkeys`, `--memkeys`, `--hotkeys`: walks over all keys of a database with SCAN.
import Base
import Client
import OS
import Options
import RESP

enum KeyModes {
    enum Measure {
        case elements, memory, frequency
    }

    /// Calls `body` for every batch; a key may come twice, as SCAN has it.
    private static func walk(
        _ session: Session, _ plan: ConsolePlan, _ body: ([[UInt8]]) throws(CallFailure) -> Void
    ) throws(CallFailure) {
        var cursor: [UInt8] = [0x30]
        repeat {
            var words = [Array("SCAN".utf8), cursor]
            if let pattern = plan.pattern { words += [Array("MATCH".utf8), pattern] }
            if plan.count > 0 { words += [Array("COUNT".utf8), Array("\(plan.count)".utf8)] }
            let reply = try session.ask(words)
            guard let elements = reply.elements, elements.count == 2, let next = elements[0].bytes else {
                throw .client(.refused(reply.errorText ?? "SCAN sent no cursor"))
            }
            try body((elements[1].elements ?? []).compactMap(\.bytes))
            try session.throwOnSignal()
            cursor = next
            if plan.intervalMilliseconds > 0, cursor != [0x30], !session.pause(milliseconds: plan.intervalMilliseconds)
            {
                throw .interrupted
            }
        } while cursor != [0x30]
    }

    static func scan(_ session: Session, _ plan: ConsolePlan) throws(CallFailure) -> Int32 {
        try walk(session, plan) { keys throws(CallFailure) in
            for key in keys {
                switch session.format {
                case .typed: session.output.append(Quoting.quoted(key))
                case .json: JSONFormat(output: session.output).write(.bulk(key))
                case .csv: session.output.append(Quoting.quoted(key))
                case .raw, .table: session.output.append(key)
                }
                session.output.append(0x0A)
            }
            if session.output.isStopped { throw .interrupted }
        }
        session.output.flush()
        return ExitStatus.success
    }

    private struct Tally {
        var count: Int64 = 0
        var sum: Int64 = 0
        var largest: Int64 = -1
        var largestKey: [UInt8] = []
    }

    private static let sizes: [String: (command: String, unit: String)] = [
        "string": ("STRLEN", "bytes"), "list": ("LLEN", "items"), "set": ("SCARD", "members"),
        "hash": ("HLEN", "fields"), "zset": ("ZCARD", "members"), "stream": ("XLEN", "entries"),
    ]

    static func largest(_ session: Session, _ plan: ConsolePlan, by measure: Measure) throws(CallFailure) -> Int32 {
        var tallies: [String: Tally] = [:]
        var keyCount: Int64 = 0
        var nameBytes = 0
        try walk(session, plan) { keys throws(CallFailure) in
            let types = try ask(session, keys.map { [Array("TYPE".utf8), $0] })
            let questions = zip(keys, types).map { question(measure, $0, $1.text ?? "") }
            let answers = try ask(session, questions)
            for (index, key) in keys.enumerated() {
                let type = types[index].text ?? "?"
                // A key that went away meanwhile has no type; one whose measure the server refuses ends the walk.
                if type == "none" { continue }
                if let error = answers[index].errorText {
                    if measure == .elements { continue }
                    throw .client(.refused(error))
                }
                keyCount += 1
                nameBytes += key.count
                note(&tallies[type, default: Tally()], type, key, answers[index].integer ?? 0, measure, session)
            }
        }
        summarize(session, tallies, keyCount, nameBytes, measure)
        return ExitStatus.success
    }

    private static func question(_ measure: Measure, _ key: [UInt8], _ type: String) -> [[UInt8]] {
        switch measure {
        case .elements: [Array((sizes[type]?.command ?? "STRLEN").utf8), key]
        case .memory: [Array("MEMORY".utf8), Array("USAGE".utf8), key]
        case .frequency: [Array("OBJECT".utf8), Array("FREQ".utf8), key]
        }
    }

    private static func ask(_ session: Session, _ commands: [[[UInt8]]]) throws(CallFailure) -> [ReplyValue] {
        if commands.isEmpty { return [] }
        guard let connection = session.connection else { throw .client(.closed("not connected")) }
        do { return try connection.pipeline(commands, timeoutMilliseconds: 60_000) } catch { throw .client(error) }
    }

    private static func unit(_ measure: Measure, _ type: String) -> String {
        switch measure {
        case .elements: sizes[type]?.unit ?? "?"
        case .memory: "bytes"
        case .frequency: "as its frequency"
        }
    }

    private static func note(
        _ tally: inout Tally, _ type: String, _ key: [UInt8], _ size: Int64, _ measure: Measure, _ session: Session
    ) {
        tally.count += 1
        tally.sum += size
        guard size > tally.largest else { return }
        tally.largest = size
        tally.largestKey = key
        if session.isTerminalOutput, session.settings.format == nil, !session.settings.isQuiet {
            session.output.append(
                "Largest \(type) so far: \(Quoting.quoted(key)) with \(size) \(unit(measure, type))\n")
            session.output.flush()
        }
    }

    private static func summarize(
        _ session: Session, _ tallies: [String: Tally], _ keyCount: Int64, _ nameBytes: Int, _ measure: Measure
    ) {
        let types = tallies.keys.sorted()
        if session.format == .json {
            let rows = types.map { type -> String in
                let tally = tallies[type] ?? Tally()
                let output = Output()
                output.capture()
                JSONFormat(output: output).write(.bulk(tally.largestKey))
                let key = String(decoding: output.captured(), as: UTF8.self)
                return "\(JSONSpelling.quoted(type)):{\"count\":\(tally.count),\"sum\":\(tally.sum),"
                    + "\"largest\":\(tally.largest),\"largest_key\":\(key)}"
            }
            session.output.append(
                "{\"schema_version\":1,\"keys\":\(keyCount),\"types\":{\(rows.joined(separator: ","))}}\n")
        } else {
            session.output.append("\nSampled \(keyCount) keys; their names take \(nameBytes) bytes.\n\n")
            for type in types {
                guard let tally = tallies[type] else { continue }
                session.output.append(
                    "Largest \(type): \(Quoting.quoted(tally.largestKey)) with \(tally.largest) \(unit(measure, type))\n"
                )
            }
            if !types.isEmpty { session.output.append("\n") }
            for type in types {
                guard let tally = tallies[type] else { continue }
                let average = String(fixed: Double(tally.sum) / Double(max(tally.count, 1)), decimals: 2)
                session.output.append(
                    "\(tally.count) \(type)s with \(tally.sum) \(unit(measure, type)), \(average) on average\n")
            }
        }
        session.output.flush()
    }
}
