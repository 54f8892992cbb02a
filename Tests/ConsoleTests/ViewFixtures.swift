/// Clusters made by hand, for what the views make of them.
import Base
import RESP
import Testing

@testable import Console

enum ViewFixtures {
    static func node(
        _ id: Int, region: String = "", keys: Int64 = 1200, rate: Int64 = 340, offset: Double = 0.1
    ) -> NodeReading {
        var node = NodeReading(label: "node-\(id)", address: "127.0.0.1:\(7000 + id)")
        node.id = id
        node.replica = "\(id)"
        node.region = region
        node.cluster = "default"
        node.version = "a2 0.1.0"
        node.keys = keys
        node.operationsPerSecond = rate
        node.clients = 12
        node.usedBytes = 2_200_000
        node.uptimeSeconds = 11_100
        node.clockOffsetMilliseconds = offset
        node.roundTripMilliseconds = 0.2
        node.windowCapacityBytes = 1 << 26
        node.stableMilliseconds = 900
        return node
    }

    static func peer(_ id: Int, lag: Int64? = 1, frames: Int64 = 0, _ state: String = "up") -> PeerReading {
        var peer = PeerReading()
        peer.id = id
        peer.name = "node-\(id)"
        peer.address = "127.0.0.1:\(17000 + id)"
        peer.clientAddress = "127.0.0.1:\(7000 + id)"
        peer.lagMilliseconds = lag
        peer.silentMilliseconds = 100
        peer.pendingFrames = frames
        peer.pendingBytes = frames * 44
        peer.outgoing = state
        peer.incoming = state
        return peer
    }

    /// Three nodes in three regions, all well.
    static var well: ClusterReading {
        var cluster = ClusterReading()
        cluster.nodes = [
            node(1, region: "eu"), node(2, region: "us", rate: 12_400), node(3, region: "ap", offset: -130),
        ]
        cluster.nodes[0].peers = [peer(2), peer(3, lag: 210)]
        cluster.nodes[1].peers = [peer(1, lag: 2, frames: 3), peer(3, lag: 180)]
        cluster.nodes[2].peers = [peer(1, lag: 212), peer(2, lag: 181)]
        return cluster
    }

    /// The link between 2 and 3 is cut for 12 s; 2 has written 840 frames since.
    static var cut: ClusterReading {
        var cluster = well
        cluster.nodes[1].peers[1] = peer(3, lag: 180, frames: 840, "down")
        cluster.nodes[1].peers[1].silentMilliseconds = 12_340
        cluster.nodes[2].peers[1] = peer(2, lag: 181, "down")
        cluster.nodes[2].peers[1].silentMilliseconds = 12_300
        return cluster
    }

    /// Node 3 does not answer, a Redis stands among them, and node 9 is known by its peer port alone.
    static var hurt: ClusterReading {
        var cluster = cut
        cluster.nodes[0].peers[1] = peer(3, lag: 210, frames: 4, "down")
        cluster.nodes[0].peers[1].silentMilliseconds = 65_000
        cluster.nodes[0].peers[1].health = "dead"
        cluster.nodes[1].peers[1].health = "dead"
        cluster.nodes[2] = NodeReading(label: "node-3", address: "127.0.0.1:7003")
        cluster.nodes[2].id = 3
        cluster.nodes[2].condition = .silent("cannot connect: Connection refused")
        var redis = NodeReading(label: "127.0.0.1:6379", address: "127.0.0.1:6379")
        redis.condition = .foreign("Redis 7.0.15")
        redis.version = "Redis 7.0.15"
        redis.keys = 5
        redis.clients = 1
        redis.usedBytes = 900_000
        redis.uptimeSeconds = 30
        cluster.nodes.append(redis)
        cluster.unaddressed = [peer(9)]
        return cluster
    }

    static func stamp(_ milliseconds: Int64, _ node: UInt8) -> Stamp {
        Stamp(
            tick: UInt64(1_764_000_000_000 + milliseconds - Stamp.epochMilliseconds) << Stamp.counterBits,
            replica: Replica(node: node, generation: 0))
    }
}

func shown(_ view: some ClusterView, width: Int = 80, isUnicode: Bool = true) -> String {
    let style = ViewStyle(width: width, usesColour: false, isUnicode: isUnicode)
    return "\n" + view.lines(style).written(style)
}

extension ViewFixtures {
    /// One key that has come apart, two that are on their way to node 3, of which one is in another database.
    static var diverged: DigestReading {
        var reading = DigestReading(cluster: cut)
        let (most, other) = (String(repeating: "a1", count: 16), String(repeating: "b2", count: 16))
        reading.compared = [.init(index: 0, root: most), .init(index: 1, root: most), .init(index: 2, root: other)]
        reading.partitions = Array(repeating: .equal, count: Slots.partitionCount)
        reading.partitions[7] = .diverged
        reading.partitions[130] = .inFlight
        reading.partitions[255] = .inFlight
        reading.missing = [
            MissingWrites(node: 2, replica: Replica(node: 2, generation: 0), partitions: 2, milliseconds: 12_340)
        ]
        let fingerprint = { (digit: String) in String(repeating: digit, count: 32) }
        reading.keys = [
            KeyDifference(
                database: 0, key: Array("cart:17".utf8), partition: 7, bucket: 3, agreement: .diverged,
                fingerprints: [fingerprint("1"), fingerprint("1"), fingerprint("2")]),
            KeyDifference(
                database: 3, key: [0xFF, 0x00, 0x41], partition: 130, bucket: 63, agreement: .inFlight,
                fingerprints: [fingerprint("3"), fingerprint("3"), nil]),
        ]
        reading.keysOmitted = 4
        reading.partitionsOmitted = 1
        reading.waitedMilliseconds = 520
        return reading
    }

    static func sides(_ agreement: Agreement?) -> ViewSides {
        ViewSides(
            name: "diff", key: Array("cart:17".utf8), nodes: cut.nodes,
            rows: [
                SideRow(name: "type", cells: [SideCell("string"), SideCell("string"), SideCell("string")]),
                SideRow(
                    name: "value",
                    cells: [
                        SideCell("\"three apples\""), SideCell("\"three apples\""), SideCell("\"four apples\""),
                    ]),
                SideRow(
                    name: "form", cells: [SideCell("bytes"), SideCell("history"), SideCell("bytes")], isShared: false),
            ], answering: [0, 1, 2], agreement: agreement, waitedMilliseconds: agreement == nil ? 0 : 520)
    }

    static var probe: ProbeReading {
        ProbeReading(
            cluster: hurt,
            runs: [
                .init(
                    writer: 0, outcomes: [.unasked, .seen(microseconds: 130), .failed("connection closed"), .unasked]),
                .init(writer: 1, outcomes: [.seen(microseconds: 12_400), .unasked, .missing, .unasked]),
                .init(writer: 0, failure: "LOADING", outcomes: [.unasked, .unasked, .unasked, .unasked]),
            ], limitMilliseconds: 5000)
    }
}

extension ViewFixtures {
    static func top(_ reading: ClusterReading) -> ViewTop {
        var top = ViewTop(reading: reading)
        top.rates = [[1, 5, 3, 9, 340], [100, 12_400], [0, 0, 0]]
        top.digest = ViewTop.Digest(
            inFlight: 3, diverged: 1, byNode: [(0, 0), (0, 0), (3, 1), nil], ageMilliseconds: 2100)
        top.repairs = [nil, ViewTop.Repair(keys: 2, ageMilliseconds: 4200)]
        top.reading.nodes[1].keysRepaired = 12
        top.unixMilliseconds = 1_764_000_000_000
        return top
    }
}

func screen(_ top: ViewTop, _ width: Int, _ height: Int, isUnicode: Bool = true) -> String {
    let style = ViewStyle(width: width, usesColour: false, isUnicode: isUnicode)
    return "\n" + top.screen(height: height, style).written(style)
}

/// Both texts whole, which a failed comparison of strings does not show.
func expect(_ text: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let isEqual = text == expected
    #expect(isEqual, "printed:\(text)\nexpected:\(expected)", sourceLocation: sourceLocation)
}
