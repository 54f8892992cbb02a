/// The short way and the general one are two spellings of the same rules: run side by side on nodes without
/// peers, and on followers that take in what each has written.
import Base
import CRDT
import Testing

@testable import Engine

private enum Operation {
    case set([UInt8], DeadlineChange)
    case delete
    case increment(Int64)
    case append([UInt8])
    case overwrite(Int, [UInt8])
    case setBit(Int, Bool)
    case setDeadline(Int64)
    case persist
    case copy([UInt8])
    case flush
}

private func run(_ operation: Operation, _ key: KeyHandle, _ bench: PartitionBench) -> String {
    switch operation {
    case .set(let value, let change):
        value.withView { key.set(.bytes($0), deadline: change) }
        return "ok"
    case .delete: return "\(key.delete())"
    case .increment(let amount):
        do { return "\(try key.increment(by: amount))" } catch { return "\(error)" }
    case .append(let bytes): return "\(bytes.withView { key.append($0) })"
    case .overwrite(let offset, let bytes): return "\(bytes.withView { key.overwrite(at: offset, $0) })"
    case .setBit(let offset, let bit):
        key.setBit(at: offset, to: bit)
        return "ok"
    case .setDeadline(let milliseconds):
        key.setDeadline(milliseconds: milliseconds)
        return "ok"
    case .persist: return "\(key.persist())"
    case .copy(let other):
        guard key.exists else { return "missing" }
        bench.with(other) { key.copy(to: $0) }
        return "ok"
    case .flush: return "\(bench.partition.pointee.flush(database: 0, &bench.context.pointee))"
    }
}

private struct Choice {
    var random: SeededRandom

    mutating func key() -> [UInt8] { Array("k\(random.below(6))".utf8) }

    mutating func operation(_ now: Int64) -> Operation {
        let deadline = now + [0, 5, 200, 90_000][random.below(4)]
        switch random.below(24) {
        case 0..<5:
            let change: DeadlineChange =
                [.none, .keep, .at(milliseconds: deadline)][random.below(3)]
            return .set(value(), change)
        case 5, 6: return .delete
        case 7..<12: return .increment([1, 7, -3, .max][random.below(random.below(8) == 0 ? 4 : 3)])
        case 12..<15: return .append(random.below(5) == 0 ? value() : Array("ab".utf8.prefix(random.below(3))))
        case 15..<17: return .overwrite(random.below(40), Array("xyz".utf8.prefix(1 + random.below(3))))
        case 17, 18: return .setBit(random.below(90), random.below(3) > 0)
        case 19, 20: return .setDeadline(max(deadline, now + 1))
        case 21: return .persist
        case 22: return .copy(key())
        default: return random.below(10) == 0 ? .flush : .delete
        }
    }

    private mutating func value() -> [UInt8] {
        switch random.below(8) {
        case 0..<4: Array("\(random.below(1000))".utf8)
        case 4: []
        case 5: [UInt8](repeating: 65, count: Limits.sharedValueBytesMin - 2 + random.below(4))
        case 6: [UInt8](repeating: 66, count: 4000 + random.below(200))
        default: Array("text".utf8)
        }
    }
}

private func text(_ value: VisibleValue?, _ deadline: Int64?) -> String {
    guard case .string(let bytes) = value else { return "\(value.map { "\($0)" } ?? "nothing")" }
    return "\(bytes.count) bytes \(String(decoding: bytes.prefix(40), as: UTF8.self)) until \(deadline ?? 0)"
}

@Suite struct ShortWayTests {
    @Test("Both ways show the same, and so do those who follow", arguments: 0..<40)
    func equivalence(batch: UInt64) {
        for seed in batch * 2..<batch * 2 + 2 {
            if let difference = difference(seed: seed) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
        }
    }

    private func difference(seed: UInt64) -> String? {
        var choice = Choice(random: SeededRandom(seed: seed))
        let short = PartitionBench()
        let general = PartitionBench()
        let followers = [PartitionBench(node: 2), PartitionBench(node: 2)]
        for follower in followers {
            follower.partition.pointee.startCounting()
        }
        let benches = [short, general] + followers
        for step in 0..<120 {
            let later = Int64([0, 1, 3, 150][choice.random.below(4)])
            for bench in benches { bench.now += later }
            // As the executor does it: nothing is older than the partition's clock.
            let now = max(short.now, short.partition.pointee.momentMilliseconds)
            for bench in benches { bench.now = now }
            let name = choice.key()
            let operation = choice.operation(now)
            let shortReply = short.with(name) { run(operation, $0, short) }
            general.context.pointee.accumulates = true
            let generalReply = general.with(name) { run(operation, $0, general) }
            if shortReply != generalReply {
                return "step \(step), \(operation): \(shortReply) the short way, \(generalReply) the general way"
            }
            for (writer, follower) in zip([short, general], followers) {
                guard let (frame, records) = writer.commit() else { continue }
                let outcome = follower.receive(frame, records)
                if outcome != .applied { return "step \(step), \(operation): the follower says \(outcome)" }
            }
            for later: Int64 in [0, 4, 150, 50_000] {
                if let difference = compare(benches, at: now + later) {
                    return "step \(step), \(operation) on \(String(decoding: name, as: UTF8.self)) at \(now)"
                        + " +\(later): \(difference)"
                }
            }
        }
        return nil
    }

    private func compare(_ benches: [PartitionBench], at time: Int64) -> String? {
        for number in 0..<6 {
            let seen = benches.map { bench in
                let now = bench.now
                defer { bench.now = now }
                bench.now = time
                return bench.with(Array("k\(number)".utf8)) { text($0.visible, $0.visibleDeadline) }
            }
            if Set(seen).count > 1 { return "k\(number): \(seen)" }
        }
        return nil
    }
}
