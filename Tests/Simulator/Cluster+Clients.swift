/// The clients of a cluster: every command's reply and effect must be those of one Redis holding what its node showed
/// just before. Some commands are counted, so that none can be lost or come twice anywhere.
import Base
import CRDT
import Commands
import Engine
import RESP
import Replication
import Wire

/// What clients have been told is done: increments of counters that nobody resets, elements that nobody removes, and
/// words at the end of texts that nobody writes otherwise.
struct Ledger {
    struct Entry {
        let key: Int
        let partition: Int
        /// The process that wrote it.
        let slot: Int
        let life: Int
        var stamp: Stamp
        /// Those it had before its author met others, who go by the last.
        var formerStamps: [Stamp] = []
        let amount: Int64
        let element: [UInt8]
        /// Its author lost it before anybody had it, and has gone on without it.
        var isLost = false
    }

    static let counters = ["{a}n", "{b}n", "n1", "n2"].map { Array($0.utf8) }
    static let sets = ["{a}e", "n1e"].map { Array($0.utf8) }
    static let texts = ["{a}t", "n2t"].map { Array($0.utf8) }
    static let keys = counters + sets + texts
    static let partitions = keys.map { $0.withView { Slots.partition(of: $0) } }
    var entries: [Entry] = []
    /// Texts that a newcomer had begun by himself, and has written over those of the cluster that let him in.
    var textsWrittenOver: Set<Int> = []

    static func isText(_ key: Int) -> Bool { key >= counters.count + sets.count }

    /// What a node with these versions must show.
    func expected(_ key: Int, _ versions: Versions) -> VisibleValue? {
        let seen = entries.filter { $0.key == key && !$0.isLost && versions.covers($0.stamp) }
        if seen.isEmpty { return nil }
        if key < Self.counters.count { return .string(Array("\(seen.reduce(0) { $0 + $1.amount })".utf8)) }
        if key < Self.counters.count + Self.sets.count {
            return .set(seen.map(\.element).sorted { $0.lexicographicallyPrecedes($1) })
        }
        return .string(seen.sorted { $0.stamp < $1.stamp }.flatMap(\.element))
    }
}

extension Cluster {
    func serveClient() {
        let index = pick(slots.indices.map { $0 })
        guard let node = slots[index].node else { return }
        node.core.setClock(moment(index).unixMilliseconds)
        workload.now = moment(index).unixMilliseconds
        renewLease(index)
        if node.isGivenUp, node.takesWrites { return }
        guard node.takesWrites, !node.isOutside else { return readOnly(index, node) }
        counts.commands += 1
        switch random.below(100) {
        case 0..<30: count(index, node)
        case 30..<42: transaction(index, node)
        case 42..<47 where plan.bigValues: fill(index, node)
        default: command(index, node)
        }
        readOwnFrames(index, node)
        drain(index)
        // The shell is woken by what was written.
        planTurn(index, in: Int64(random.below(3)))
    }

    /// The gate is shut: writes are refused and reads are served.
    private func readOnly(_ index: Int, _ node: ClusterNode) {
        let end = node.core.node.window.end
        let reply = node.core.run([Array("SET".utf8), Workload.keys[0], [49]])
        guard case .error = reply else { return fail("node \(slots[index].number) took a write behind its gate") }
        if node.core.node.window.end != end { fail("node \(slots[index].number) wrote behind its gate") }
    }

    private func model(_ node: ClusterNode, at time: Int64) -> RedisModel {
        var model = RedisModel(now: time)
        for key in Workload.keys + Workload.pair {
            let view = node.core.view(key, at: time)
            if view.value != nil { model.keys[key] = view }
        }
        return model
    }

    private func expect(_ model: RedisModel, _ index: Int, _ node: ClusterNode, _ command: String) {
        for key in Workload.keys + Workload.pair {
            let shown = node.core.view(key, at: model.now)
            let wanted = model.keys[key] ?? KeyView()
            if shown != wanted {
                fail("after \(command) at \(slots[index].number), \(text(key)) is \(text(shown)), not \(text(wanted))")
            }
        }
    }

    private func partitions(_ command: [[UInt8]]) -> [Int] {
        (Workload.keys + Workload.pair).filter { command.contains($0) }.map { $0.withView { Slots.partition(of: $0) } }
    }

    private func command(_ index: Int, _ node: ClusterNode) {
        let command = workload.command()
        let time = node.core.moment(partitions(command))
        var model = model(node, at: time)
        let expected = model.run(command)
        let reply = node.core.run(command, plainly: chance(50))
        note("\(slots[index].number) at \(time): \(text(command)) → \(text(reply))")
        if reply != expected {
            fail("\(text(command)) at \(slots[index].number) replied \(text(reply)), not \(text(expected))")
        }
        expect(model, index, node, text(command))
    }

    private func transaction(_ index: Int, _ node: ClusterNode) {
        let commands = workload.transaction()
        let time = node.core.moment(commands.flatMap { partitions($0) })
        var model = model(node, at: time)
        _ = node.core.run([Array("MULTI".utf8)])
        for command in commands { _ = node.core.run(command) }
        let reply = node.core.run([Array("EXEC".utf8)])
        let name = "MULTI " + commands.map { text($0) }.joined(separator: "; ")
        note("\(slots[index].number) at \(time): \(name) → \(text(reply))")
        let expected = commands.map { model.run($0) }
        if reply != .array(expected) {
            fail("\(name) at \(slots[index].number) replied \(text(reply)), not \(text(.array(expected)))")
        }
        expect(model, index, node, name)
    }

    /// A value that takes its share of the window, or more than a frame may.
    private func fill(_ index: Int, _ node: ClusterNode) {
        if plan.overruns, chance(20) { return overrun(index, node) }
        let size = chance(15) ? 20_000 : 500 + random.below(3000)
        let value = [UInt8](repeating: UInt8(97 + random.below(26)), count: size)
        let key = pick(Self.bigKeys)
        note("\(slots[index].number): SET \(text(key)) of \(size) bytes")
        if node.core.run([Array("SET".utf8), key, value]) != .ok { fail("SET of \(size) bytes failed") }
    }

    /// More at once than the window holds, so that whoever has not read it by now has lost its place.
    private func overrun(_ index: Int, _ node: ClusterNode) {
        note("\(slots[index].number) writes a window full")
        for round in 0..<plan.windowBytes / 2000 {
            let value = [UInt8](repeating: UInt8(97 + round % 26), count: 3000)
            if node.core.run([Array("SET".utf8), Self.bigKeys[0], value]) != .ok { fail("SET of 3000 bytes failed") }
        }
    }

    static let bigKeys = ["{a}big", "n1big", "n3big"].map { Array($0.utf8) }

    // MARK: counting

    private func count(_ index: Int, _ node: ClusterNode) {
        let key = random.below(plan.appends ? Ledger.keys.count : Ledger.keys.count - Ledger.texts.count)
        let partition = Ledger.partitions[key]
        let before = node.core.partition(partition).pointee.latestOwnStamp
        var amount: Int64 = 0
        var element: [UInt8] = []
        let name = Ledger.keys[key]
        let reply: ReplyValue
        if key < Ledger.counters.count {
            amount = Int64(1 + random.below(9))
            reply = node.core.run([Array("INCRBY".utf8), name, Array("\(amount)".utf8)], plainly: chance(50))
        } else {
            element = Array("\(slots[index].number).\(node.life).\(ledger.entries.count);".utf8)
            let isText = Ledger.isText(key)
            reply = node.core.run([Array((isText ? "APPEND" : "T.ADD").utf8), name, element])
            if !isText, reply != .integer(1) { fail("T.ADD of a new element replied \(text(reply))") }
        }
        let stamp = node.core.partition(partition).pointee.latestOwnStamp
        note("\(slots[index].number): \(amount == 0 ? "adds to" : "INCRBY") \(text(name)) → \(text(reply)), \(stamp)")
        guard stamp > before else { return fail("\(text(name)) was counted without a stamp") }
        ledger.entries.append(
            Ledger.Entry(
                key: key, partition: partition, slot: index, life: node.life, stamp: stamp, amount: amount,
                element: element))
    }
}
