/// Three real nodes, seen with nothing but the console: who lags, by how much, and which key has diverged.
import Base
import Foundation
import Options
import Synchronization
import TestSupport
import Testing

@testable import Console

private func list(_ value: Any?) -> [[String: Any]] { value as? [[String: Any]] ?? [] }

@Suite(.serialized) struct ViewClusterTests {
    @Test("Someone with only the console finds which node lags, by how much, and which key has diverged")
    func detective() throws {
        let trio = try ClusterTrio()
        for index in 0..<300 { _ = try trio.call(index % 3, "SET", "key:\(index)", "value:\(index)") }
        #expect(try poll(forSeconds: 20) { try trio.document("digest").members["state"] as? String == "equal" })

        // All is well: every view ends with 0, and one node was enough to find the others.
        for line in ["nodes", "lag", "digest", "map", "top", "probe", "diff key:7", "meta key:7 --all"] {
            let (status, members) = try trio.document(line)
            #expect(status == 0, "\(line): \(members)")
            #expect(members["schema_version"] as? Int == 1 && list(members["nodes"]).count == 3, "\(line): \(members)")
        }

        // Node 3 is cut off, while node 1 writes: one link alone would not do, node 2 would fill the gap.
        for other in ["1", "2"] { #expect(try trio.call(2, "A2.LINK", other, "DOWN") == .ok) }
        for index in 0..<40 { _ = try trio.call(0, "SET", "late:\(index)", "x") }
        var (status, members) = (Int32(0), [String: Any]())
        let isSeen = try poll(forSeconds: 20) {
            (status, members) = try trio.document("lag")
            let links = list(members["links"])
            let link = links.first { $0["reader"] as? String == "node-3" && $0["writer"] as? String == "node-1" }
            return status == 1 && link?["state"] as? String == "down" && link?["lag_ms"] as? Int ?? 0 >= 500
        }
        #expect(isSeen, "\(members)")
        (status, members) = try trio.document("digest")
        #expect(status == 0 && members["state"] as? String == "in-flight", "\(members)")
        #expect(
            list(members["missing"]).contains { $0["node"] as? String == "node-3" && $0["replica"] as? String == "1" })
        (status, members) = try trio.document("diff late:3")
        #expect(members["state"] as? String == "in-flight" && members["differs"] as? Bool == true, "\(members)")
        (status, members) = try trio.document("probe --from node-1 --limit 300ms")
        let readers = list(list(members["runs"]).first?["readers"])
        #expect(status == 1 && readers.count == 2)
        #expect(readers.first { $0["node"] as? String == "node-2" }?["state"] as? String == "seen")
        #expect(readers.first { $0["node"] as? String == "node-3" }?["state"] as? String == "missing")

        // A key of node 2 goes bad meanwhile, in the middle of what is in flight.
        #expect(try trio.call(1, "A2.DEBUG", "CORRUPT", "key:7") == .ok)
        (status, members) = try trio.document("digest --all")
        let diverged = list(members["keys"]).filter { $0["state"] as? String == "diverged" }
        #expect(status == 1 && members["state"] as? String == "diverged", "\(members)")
        #expect(diverged.map { $0["key"] as? String } == ["key:7"], "\(members)")
        let text = try trio.console("digest", isJSON: false).text
        #expect(text.contains("DIVERGED: 1 diverged") && text.contains("key:7"), "\(text)")

        // Healed: what was in flight arrives, what has diverged stays until it is repaired.
        for other in ["1", "2"] { #expect(try trio.call(2, "A2.LINK", other, "UP") == .ok) }
        #expect(
            try poll(forSeconds: 20) {
                (status, members) = try trio.document("digest")
                return (members["partitions"] as? [String: Any])?["in_flight"] as? Int == 0
            })
        #expect(status == 1 && list(members["keys"]).map { $0["key"] as? String } == ["key:7"], "\(members)")
        (status, members) = try trio.document("top")
        #expect(list(members["nodes"]).map { $0["partitions_diverged"] as? Int } == [0, 1, 0], "\(members)")
        (status, members) = try trio.document("diff key:7")
        let value = list(members["fields"]).first { $0["field"] as? String == "value" }
        #expect(status == 1 && members["state"] as? String == "diverged" && value?["differs"] as? Bool == true)
        #expect(try trio.call(1, "A2.SYNC") == .ok)
        #expect(try poll(forSeconds: 20) { try trio.document("digest").status == 0 })

        // Node 2 goes.
        trio.nodes[1].stop()
        (status, members) = try trio.document("nodes")
        let second = list(members["nodes"]).first { $0["name"] as? String == "node-2" }
        #expect(status == 1 && second?["state"] as? String == "down", "\(members)")
        for line in ["lag", "digest", "map", "probe", "diff key:7"] {
            #expect(try trio.document(line).status == 1, "\(line)")
        }
    }

    @Test("a2 console ends with 0, 1 or 2 for scripts, and prints a document")
    func program() throws {
        let trio = try ClusterTrio()
        _ = try trio.call(0, "SET", "cart:17", "three apples")
        #expect(try poll(forSeconds: 20) { try trio.program("digest").exit == .exited(0) })
        #expect(try trio.program("nodes").text.contains("node-3"))
        #expect(try trio.program("nodes --what").exit == .exited(2))
        #expect(try trio.call(1, "A2.DEBUG", "CORRUPT", "cart:17") == .ok)
        let (exit, document) = try trio.program("digest", "--json")
        #expect(exit == .exited(1) && document.contains(#""key":"cart:17","partition":"#), "\(document)")
    }

    @Test("A Redis among the nodes is a row that says so, and its keys are compared all the same")
    func foreign() throws {
        let redis = try ServerProcess.start(.redis)
        let node = try ServerProcess.start(.a2, .init(settings: [(name: "peer-port", value: "0")]))
        for server in [redis, node] {
            _ = try server.connect().call("SET", "same", "v")
            _ = try server.connect().call("SET", "other", server.kind == .redis ? "a" : "b")
        }
        let endpoints = [node, redis].map { ClusterEndpoint(host: "127.0.0.1", port: UInt16($0.port)) }
        let questions = ClusterQuestions(gatherer: ClusterGatherer(endpoints))
        let reading = questions.nodes().reading
        #expect(reading.nodes[0].isAnswering)
        guard case .foreign(let version) = reading.nodes[1].condition else {
            Issue.record("\(reading.nodes[1])")
            return
        }
        #expect(version.hasPrefix("Redis "))
        #expect(!questions.diff(Array("same".utf8)).isNegative)
        #expect(questions.diff(Array("other".utf8)).isNegative)
        #expect(questions.digest().reading.agreement == nil && !questions.digest().isNegative)
    }

    @Test("Words that make no sense are refused, with what would make some")
    func usage() {
        let cases = [
            ("lag", "--watch soon", "--watch takes a time from 10ms to 1h such as 500ms or 2s, not 'soon'"),
            ("lag", "--watch", "--watch needs a value: :lag [--watch TIME]"),
            ("lag", "x", "wrong number of arguments: :lag [--watch TIME]"),
            ("diff", "", "wrong number of arguments: :diff KEY"),
            ("nodes", "--what", "unknown flag '--what': :nodes"),
        ]
        for (name, words, message) in cases {
            let context = ViewContext(endpoints: [ClusterEndpoint(host: "127.0.0.1", port: 1)])
            #expect(throws: ViewUsage(description: message)) {
                _ = try ViewCommand.named(name)?.run(words.split(separator: " ").map { Array($0.utf8) }, context)
            }
        }
    }
}
