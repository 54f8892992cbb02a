/// A cluster in which nothing happens but what a test says.
import Base
import Commands
import RESP
import Replication
import Testing

@testable import Simulator

struct Scenario {
    let cluster: Cluster

    /// `seeds`: of each node, whom it is told of; nodes without an entry are started later.
    init(_ seeds: [[Int]], windowBytes: Int = 1 << 16, _ profile: ClusterPlan.Profile = .calm) {
        var plan = ClusterPlan(profile, nodes: seeds.count)
        plan.faults = []
        plan.driftMax = 0
        plan.skewMilliseconds = 5
        plan.windowBytes = windowBytes
        cluster = Cluster(seed: 7, plan: plan)
        for (index, seeds) in seeds.enumerated() { cluster.start(index, seeds: seeds) }
    }

    /// All know of all, and take writes.
    static func mesh(
        _ count: Int, windowBytes: Int = 1 << 16, _ profile: ClusterPlan.Profile = .calm
    ) -> Scenario {
        let scenario = Scenario(
            (0..<count).map { index in (0..<count).filter { $0 != index } }, windowBytes: windowBytes, profile)
        scenario.pass(1500)
        return scenario
    }

    func pass(_ milliseconds: Int64) { cluster.advance(to: cluster.now + milliseconds) }

    func node(_ index: Int) -> ClusterNode {
        guard let node = cluster.slots[index].node else { preconditionFailure("node \(index) does not run") }
        return node
    }

    func report(_ index: Int) -> ClusterReport { node(index).report }

    @discardableResult
    func run(_ index: Int, _ command: String, later milliseconds: Int64 = 2) -> ReplyValue {
        pass(milliseconds)
        let node = node(index)
        node.core.setClock(cluster.moment(index).unixMilliseconds)
        let reply = node.core.run(command.split(separator: " ").map { Array($0.utf8) })
        cluster.readOwnFrames(index, node)
        cluster.planTurn(index, in: 1)
        return reply
    }

    /// The same again and again while it is refused, for a minute at most.
    func runUntilTaken(_ index: Int, _ command: String) {
        var reply = run(index, command)
        for _ in 0..<12_000 {
            guard case .error = reply, cluster.failures.isEmpty else { break }
            reply = run(index, command, later: 5)
        }
        if case .error(let text) = reply { Issue.record("refused for good: \(text), \(cluster.failures)") }
    }

    /// Nothing gets through between two nodes, in either direction; their connections stay until they notice.
    func part(_ left: Int, _ right: Int) {
        cluster.cuts[left][right] = true
        cluster.cuts[right][left] = true
    }

    func join(_ left: Int, _ right: Int) {
        cluster.heal(left, right)
        cluster.heal(right, left)
    }

    func breakConnections() { for number in cluster.openConnections { cluster.reset(number) } }

    func crash(_ index: Int) { cluster.crash(index, returns: false) }

    /// Until all have all and nothing is remembered. What was wrong, if anything.
    func rest() -> [String] {
        cluster.quiesce()
        return cluster.failures
    }

    /// What the nodes show, once for each that differs.
    func shown(_ key: String) -> Set<String> {
        Set(
            cluster.members.map { index in
                let core = node(index).core
                core.setClock(cluster.moment(index).unixMilliseconds)
                return text(core.view(Array(key.utf8), at: core.moment([Slots.partition(key)])))
            })
    }

    var frameCount: Int { cluster.members.reduce(0) { $0 + node($1).core.sent.count } }
    func sum(_ field: (ClusterReport) -> UInt64) -> UInt64 { cluster.members.reduce(0) { $0 + field(report($1)) } }
}
