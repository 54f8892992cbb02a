/// What the clients of a fleet do.
import Base
import CRDT

@testable import Engine

extension Fleet {
    mutating func write(_ node: Int) {
        let time = now + skew[node]
        let before = trace == nil ? [] : Self.keys.map { nodes[node].view($0, at: time) }
        var random = self.random
        var done: [String] = []
        nodes[node].write(time) { bench in
            if random.below(100) < 2 {
                bench.partition.pointee.flush(database: 0, &bench.context.pointee)
                done.append("flush")
                return
            }
            for _ in 0..<(random.below(100) < 70 ? 1 : 2 + random.below(2)) {
                let key = Self.keys[random.below(Self.keys.count)]
                bench.with(Array(key.utf8)) { done.append(Self.act(on: $0, key, time, &random)) }
            }
        }
        self.random = random
        trace?.append("\(node) writes \(nodes[node].sent.last?.stamp ?? .zero): \(done) on \(before)")
    }

    private static func act(on handle: KeyHandle, _ key: String, _ time: Int64, _ random: inout SeededRandom) -> String
    {
        let die = random.below(100)
        if die < 10 {
            handle.delete()
            return "\(key) del"
        }
        if die < 20 {
            guard handle.exists else { return "-" }
            if random.below(100) < 30 {
                _ = handle.persist()
                return "\(key) persist"
            }
            let deadline = time + [1, 4, 15, 60, 50_000][random.below(5)]
            handle.setDeadline(milliseconds: deadline)
            return "\(key) expire \(deadline)"
        }
        if key == "s" || key == "mixed" && die < 60 {
            if handle.type == .string { return "-" }
            let element = Array(["x", "y", "z"][random.below(3)].utf8)
            if random.below(100) < 60 { handle.addElement(element) } else { handle.removeElement(element) }
            return "\(key) element \(String(decoding: element, as: UTF8.self))"
        }
        if handle.type == .set { return "-" }
        return actOnString(handle, key, die, time, &random)
    }

    private static func actOnString(
        _ handle: KeyHandle, _ key: String, _ die: Int, _ time: Int64, _ random: inout SeededRandom
    ) -> String {
        if die < 40 {
            let value = random.below(100) < 70 ? "\(100 + random.below(6))" : ["txt", "", "1.50"][random.below(3)]
            let change: DeadlineChange =
                [.none, .keep, .at(milliseconds: time + [1, 5, 20, 50_000][random.below(4)])][random.below(3)]
            Array(value.utf8).withView { handle.set(.bytes($0), deadline: change) }
            return "\(key) set \(value) \(change)"
        }
        if die < 72 {
            let amount = [1, 2, 5, -3][random.below(4)]
            let sum = try? handle.increment(by: Int64(amount))
            return "\(key) incr \(amount) \(sum == nil ? "refused" : "")"
        }
        switch random.below(3) {
        case 0:
            _ = Array(["a", "1", "."][random.below(3)].utf8).withView { handle.append($0) }
            return "\(key) append"
        case 1:
            _ = Array(["9", "Q"][random.below(2)].utf8).withView { handle.overwrite(at: random.below(3), $0) }
            return "\(key) overwrite"
        default:
            handle.setBit(at: random.below(16), to: random.below(2) == 0)
            return "\(key) setbit"
        }
    }
}
