/// The conflict table on the core alone, and on whole clusters whose network parts: at two nodes and at three.
import Base
import RESP
import TestSupport
import Testing

@testable import Simulator

@Suite struct SharedConflictTests {
    /// As the table writes replies.
    private func plain(_ reply: ReplyValue) -> String {
        switch reply {
        case .simple(let bytes), .error(let bytes), .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let number): "\(number)"
        default: "\(reply)"
        }
    }

    private func split(_ step: String) -> (node: Int, command: String) {
        let words = step.split(separator: " ", maxSplits: 1)
        return ((words[0].first?.wholeNumberValue ?? 0) - 1, String(words[1]))
    }

    // MARK: the core, frame by frame

    private func shown(_ row: Conflict, size: Int, isSettled: Bool) -> [String] {
        var regions = Regions(size)
        for command in row.before { regions.run(0, command) }
        regions.synchronize()
        if isSettled { regions.settle() }
        for step in row.steps {
            if step == "sync" { regions.synchronize() } else { regions.run(split(step).node, split(step).command) }
        }
        regions.synchronize()
        var wrong = answers(&regions, row, "")
        regions.settle()
        wrong += answers(&regions, row, " after settling")
        return wrong + regions.simulation.failures
    }

    private func answers(_ regions: inout Regions, _ row: Conflict, _ when: String) -> [String] {
        var wrong: [String] = []
        for node in 0..<regions.simulation.memberCount {
            for (command, expected) in row.shows {
                let reply = plain(regions.run(node, command))
                if reply != expected {
                    wrong.append("\(command) on node \(node + 1)\(when): \(reply), not \(expected)")
                }
            }
        }
        return wrong
    }

    @Test("A conflict comes out as the table says, fresh or settled before, and stays so", arguments: Conflict.all)
    func table(row: Conflict) {
        for size in [2, 3] where size >= row.nodeCount {
            for isSettled in [false, true] {
                #expect(shown(row, size: size, isSettled: isSettled) == [], "\(size) nodes, settled: \(isSettled)")
            }
        }
    }

    // MARK: whole clusters

    private func part(_ scenario: Scenario, _ size: Int, _ isParted: Bool) {
        for left in 0..<size {
            for right in 0..<left {
                if isParted { scenario.part(left, right) } else { scenario.join(left, right) }
            }
        }
        if !isParted { scenario.pass(3000) }
    }

    /// All at once: each has keys of its own.
    private func run(_ rows: [Conflict], size: Int) -> [String] {
        let scenario = Scenario.mesh(size)
        // Longer than clocks there are apart.
        func run(_ row: Int, _ node: Int, _ command: String, later: Int64 = 12) -> ReplyValue {
            let words = Conflict.words(command, prefix: "{a}\(row)")
            return scenario.run(node, words.joined(separator: " "), later: later)
        }
        for (number, row) in rows.enumerated() { for command in row.before { _ = run(number, 0, command) } }
        scenario.pass(1500)
        part(scenario, size, true)
        // A stretch between two syncs: all rows' steps up to there.
        var rest = rows.map { ArraySlice($0.steps) }
        while true {
            for (number, steps) in rest.enumerated() {
                let stretch = steps.prefix { $0 != "sync" }
                for step in stretch { _ = run(number, split(step).node, split(step).command) }
                rest[number] = steps.dropFirst(stretch.count + 1)
            }
            if rest.allSatisfy(\.isEmpty) { break }
            part(scenario, size, false)
            part(scenario, size, true)
        }
        part(scenario, size, false)
        var wrong = scenario.rest()
        for node in 0..<size {
            for (number, row) in rows.enumerated() {
                for (command, expected) in row.shows {
                    let reply = plain(run(number, node, command, later: 0))
                    if reply != expected {
                        wrong.append("\(row.name): \(command) on node \(node + 1): \(reply), not \(expected)")
                    }
                }
            }
        }
        return wrong
    }

    @Test("A cluster that was parted shows what the table says", arguments: [2, 3])
    func clusters(size: Int) {
        let rows = Conflict.all.filter { size >= $0.nodeCount }
        #expect(run(rows.filter { !$0.isAlone }, size: size) == [])
        for row in rows where row.isAlone { #expect(run([row], size: size) == []) }
    }
}
