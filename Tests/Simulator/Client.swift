/// The clients of a run: every command's reply and effect must be those of one Redis holding what the node
/// showed just before.
import Base
import CRDT
import Engine
import RESP
import Wire

extension Simulation {
    mutating func write(_ node: Int) {
        setClock(node)
        workload.now = now + skew[node]
        counts.commands += 1
        let die = random.below(100)
        if die < 2 { return flush(node) }
        if die < 10 { return watch(node) }
        if die < 28 { return transaction(node) }
        let command = workload.command()
        let time = nodes[node].moment(named(command))
        var model = model(node, at: time)
        let before = model
        let expected = model.run(command)
        let reply = nodes[node].run(command, plainly: chance(50))
        trace?("\(node) at \(time): \(text(command)) → \(text(reply))")
        if let watch = watches[node], command.contains(watch.key) {
            watches[node]?.wasNamed = true
            // A bit set to what it was goes out to the others, whose bit may be another; to Redis it is no write.
            let isSame = model.keys[watch.key] == before.keys[watch.key]
            if command[0] == Array("SETBIT".utf8), isSame {
                let seen = frames(node, watch.key).map(\.count)
                watches[node]?.since = seen
            }
        }
        if reply != expected { fail("\(text(command)) at \(node) replied \(text(reply)), not \(text(expected))") }
        expect(model, node, text(command))
    }

    /// The partitions of the keys among the arguments.
    func named(_ command: [[UInt8]]) -> [Int] {
        (Workload.keys + Workload.pair).filter { command.contains($0) }.map { $0.withView { Slots.partition(of: $0) } }
    }

    func model(_ node: Int, at time: Int64) -> RedisModel {
        var model = RedisModel(now: time)
        for key in Workload.keys + Workload.pair {
            let view = nodes[node].view(key, at: time)
            if view.value != nil { model.keys[key] = view }
        }
        return model
    }

    /// The node now shows what the model holds.
    mutating func expect(_ model: RedisModel, _ node: Int, _ command: String) {
        for key in Workload.keys + Workload.pair {
            let shown = nodes[node].view(key, at: model.now)
            let wanted = model.keys[key] ?? KeyView()
            if shown != wanted {
                fail("after \(command) at \(node), \(text(key)) is \(text(shown)), not \(text(wanted))")
            }
        }
    }

    private mutating func flush(_ node: Int) {
        let command = [Array("FLUSHDB".utf8)]
        let time = nodes[node].moment(Workload.partitions)
        trace?("\(node) at \(time): FLUSHDB")
        if nodes[node].run(command) != .ok { fail("FLUSHDB failed") }
        expect(RedisModel(now: time), node, "FLUSHDB")
    }

    // MARK: transactions

    private mutating func transaction(_ node: Int) {
        counts.transactions += 1
        let commands = workload.transaction()
        let watched = watches[node]
        watches[node] = nil
        // EXEC holds the watched partitions too.
        let partitions = commands.flatMap { named($0) } + (watched.map { named([$0.key]) } ?? [])
        let time = nodes[node].moment(partitions)
        var model = model(node, at: time)
        _ = nodes[node].run([Array("MULTI".utf8)])
        for command in commands { _ = nodes[node].run(command) }
        let isTouched = watched.map { wasTouched($0, node) } ?? false
        let nothingCame = watched.map { isQuiet($0, node) && !$0.wasNamed } ?? false
        let sentBefore = nodes[node].sent.count
        let reply = nodes[node].run([Array("EXEC".utf8)])
        let name =
            "MULTI" + (watched.map { " watching \(text($0.key))" } ?? "") + " "
            + commands.map { text($0) }.joined(separator: "; ")
        trace?("\(node) at \(time): \(name) → \(text(reply))")
        if let watched {
            let isGone = watched.seen.value != nil && nodes[node].view(watched.key, at: time).value == nil
            if reply == .nullArray {
                counts.watchFailures += 1
                if nothingCame, !isGone, !expiredMeanwhile(watched, time) {
                    fail("EXEC at \(node) failed although nothing happened to \(text(watched.key))")
                }
                expect(model, node, "a failed EXEC")
                return
            }
            if isTouched {
                fail("EXEC at \(node) ran although \(text(watched.key)) had been written: \(name)")
            }
        }
        let expected = commands.map { model.run($0) }
        if reply != .array(expected) {
            fail("\(name) at \(node) replied \(text(reply)), not \(text(.array(expected)))")
        }
        expect(model, node, name)
        // One frame for each partition, grouped where there are several.
        let sent = nodes[node].sent[sentBefore...]
        if Set(sent.map(\.header.partition)).count != sent.count { fail("\(name) wrote two frames of one partition") }
        if sent.contains(where: { $0.header.isGrouped != (sent.count > 1) }) { fail("\(name) is not grouped") }
    }

    private mutating func watch(_ node: Int) {
        guard watches[node] == nil else { return }
        let key = Workload.keys[random.below(Workload.keys.count)]
        _ = nodes[node].run([Array("WATCH".utf8), key])
        let time = nodes[node].moment(named([key]))
        trace?("\(node) at \(time): WATCH \(text(key))")
        watches[node] = Watch(key: key, seen: nodes[node].view(key, at: time), since: frames(node, key).map(\.count))
    }

    /// The frames of each origin that this node has of the key's partition, its own included.
    private func frames(_ node: Int, _ key: [UInt8]) -> [[SentFrame]] {
        let partition = key.withView { Slots.partition(of: $0) }
        let versions = nodes[node].partition(partition).pointee.versions
        return (0..<memberCount).map { origin in
            nodes[origin].sent.filter {
                $0.header.partition == partition && $0.header.stamp <= versions[$0.header.origin]
            }
        }
    }

    /// A frame applied since names the key.
    private func wasTouched(_ watch: Watch, _ node: Int) -> Bool {
        zip(frames(node, watch.key), watch.since).contains { frames, before in
            frames.dropFirst(before).contains { frame in
                frame.keys.contains { $0.key == watch.key && $0.database == 0 }
            }
        }
    }

    private func isQuiet(_ watch: Watch, _ node: Int) -> Bool {
        frames(node, watch.key).map(\.count) == watch.since
    }

    private func expiredMeanwhile(_ watch: Watch, _ time: Int64) -> Bool {
        watch.seen.deadline.map { $0 <= time } ?? false
    }
}

// MARK: showing

func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.flatMap { $0 < 32 || $0 > 126 ? Array("\\\($0)".utf8) : [$0] }, as: UTF8.self)
}

func text(_ command: [[UInt8]]) -> String { command.map { text($0) }.joined(separator: " ") }

func text(_ view: KeyView) -> String {
    let deadline = view.deadline.map { " until \($0)" } ?? ""
    return switch view.value {
    case nil: "nothing"
    case .string(let bytes): "'\(text(bytes))'\(deadline)"
    case .set(let elements): "{\(elements.map { text($0) }.joined(separator: ","))}\(deadline)"
    }
}

func text(_ reply: ReplyValue) -> String {
    switch reply {
    case .simple(let bytes), .error(let bytes), .bulk(let bytes): "'\(text(bytes))'"
    case .integer(let number): "\(number)"
    case .array(let replies): "[\(replies.map { text($0) }.joined(separator: ", "))]"
    default: "\(reply)"
    }
}
