/// A few nodes without surprises from the network, for conflicts spelled out command by command.
import Base
import RESP

@testable import Simulator

struct Regions {
    var simulation: Simulation

    static let key = "{a}c"

    init(_ members: Int) {
        var plan = SimulationPlan(members: members)
        plan.networkFails = false
        self.init(plan)
    }

    init(_ plan: SimulationPlan) {
        simulation = Simulation(seed: 1, plan: plan)
        for node in simulation.skew.indices { simulation.skew[node] = 0 }
    }

    var now: Int64 { simulation.now }

    /// One command, a millisecond after the last; `k` and `l` stand for two keys of one partition.
    @discardableResult
    mutating func run(_ node: Int, _ command: String, later milliseconds: Int64 = 1) -> ReplyValue {
        simulation.now += milliseconds
        simulation.setClock(node)
        return simulation.nodes[node].run(
            command.split(separator: " ").map { word in
                switch word {
                case "k": Array(Self.key.utf8)
                case "l": Array("{a}d".utf8)
                default: Array(word.utf8)
                }
            })
    }

    /// Heartbeats everywhere, delivered to nobody yet.
    mutating func beat() {
        simulation.now += 1
        for node in 0..<simulation.memberCount {
            simulation.setClock(node)
            simulation.nodes[node].beat()
        }
    }

    mutating func deliverAmongMembers() {
        for origin in 0..<simulation.memberCount {
            for node in 0..<simulation.memberCount { while simulation.deliver(from: origin, to: node) {} }
        }
    }

    mutating func synchronize() { simulation.synchronize() }

    /// Heartbeats until everything is stable everywhere.
    mutating func settle() {
        simulation.settleAll()
    }

    /// What the nodes show, once for each that differs, and what went wrong on the way.
    func shown(_ key: String = "k") -> Set<String> {
        let name = Array((key == "k" ? Self.key : "{a}d").utf8)
        return Set(
            simulation.nodes.indices.map { node in
                text(simulation.nodes[node].view(name, at: simulation.nodes[node].moment([]) + 1))
            } + simulation.failures)
    }
}
