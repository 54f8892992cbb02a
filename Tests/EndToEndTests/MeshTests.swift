/// Active-active over real processes: what the simulator shows for the core holds for the program.
import Base
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Replication {
        @Test("Three nodes with one --peer each form a mesh; every write is everywhere")
        func mesh() throws {
            let mesh = try Mesh(3)
            try mesh.waitUntilAllWritable()
            for number in 0..<3 {
                let client = try mesh.connect(number)
                for index in 0..<200 { #expect(try client.call("SET", "from:\(number):\(index)", "\(index)") == .ok) }
                for _ in 0..<50 { _ = try client.call("INCRBY", "shared", "\(number + 1)") }
            }
            try mesh.waitUntilEqual()
            for number in 0..<3 {
                let client = try mesh.connect(number)
                #expect(try client.call("GET", "shared").string == "300")
                for other in 0..<3 { #expect(try client.call("GET", "from:\(other):199").string == "199") }
            }
        }

        @Test("A node killed and started empty takes everything back before it writes, its own past included")
        func emptyRestart() throws {
            let mesh = try Mesh(3)
            try mesh.waitUntilAllWritable()
            let second = try mesh.connect(1)
            for index in 0..<500 { second.enqueue([bytes("INCR"), bytes("mine:\(index % 50)")]) }
            for _ in 0..<500 { _ = try second.receive() }
            try mesh.waitUntilEqual()
            try mesh.kill(1)
            let first = try mesh.connect(0)
            for index in 0..<500 { #expect(try first.call("INCR", "mine:\(index % 50)").isError == false) }
            try mesh.restart(1)
            try mesh.waitUntilWritable(1)
            let again = try mesh.connect(1)
            #expect(try again.call("GET", "mine:7").string == "20")
            for index in 0..<50 { #expect(try again.call("INCR", "mine:\(index)") == .integer(21)) }
            try mesh.waitUntilEqual()
            #expect(try mesh.connect(2).call("GET", "mine:49").string == "21")
        }

        @Test("The first write of a node that has peers waits for them, however early it comes")
        func earlyWrite() throws {
            let gone = try ServerProcess.freePort()
            for _ in 0..<5 {
                let node = try ServerProcess.start(
                    .a2, .init(settings: [(name: "peer", value: "127.0.0.1:\(gone)")]))
                let reply = try node.connect().call("SET", "early", "1")
                #expect(reply.isError, "\(reply)")
                node.process.signal(SIGKILL)
                node.process.waitForExit(seconds: 10)
            }
        }

        @Test("A value larger than the window takes comes by repair")
        func largeValue() throws {
            let mesh = try Mesh(2, settings: [(name: "window-bytes", value: "1mb")])
            try mesh.waitUntilAllWritable()
            let value = [UInt8](repeating: 120, count: 3_000_000)
            #expect(try mesh.connect(0).call(bytes: [bytes("SET"), bytes("large"), value]) == .ok)
            let other = try mesh.connect(1)
            #expect(try poll(forSeconds: 15) { try other.call("STRLEN", "large") == .integer(3_000_000) })
            try mesh.waitUntilEqual()
        }

        @Test("Increments on all nodes at once are neither lost nor counted twice while links are cut and healed")
        func countersThroughCuts() throws {
            let mesh = try Mesh(3, settings: [(name: "window-bytes", value: "1mb")])
            try mesh.waitUntilAllWritable()
            let ports = try (0..<3).map { try mesh.node($0).port }
            let acknowledged = Counter()
            let failures = concurrently(4) { worker in
                if worker == 3 {
                    for round in 0..<10 {
                        let number = round % 3
                        let client = try RESPClient(port: ports[number])
                        let other = (number + 1) % 3 + 1
                        guard try client.call("A2.LINK", "\(other)", "DOWN") == .ok else {
                            throw TestSupportError("A2.LINK DOWN")
                        }
                        _ = try client.call("DEBUG", "SLEEP", "0.15")
                        guard try client.call("A2.LINK", "\(other)", "UP") == .ok else {
                            throw TestSupportError("A2.LINK UP")
                        }
                    }
                    return
                }
                let client = try RESPClient(port: ports[worker])
                for batch in 0..<200 {
                    for index in 0..<100 {
                        client.enqueue([bytes("INCR"), bytes("count:\((batch * 7 + index) % 300)")])
                    }
                    for _ in 0..<100 where try !client.receive().isError { acknowledged.increment() }
                }
            }
            #expect(failures.isEmpty, "\(failures)")
            try mesh.waitUntilEqual()
            for number in 0..<3 {
                let client = try mesh.connect(number)
                var sum: Int64 = 0
                for index in 0..<300 { sum += Int64(try client.call("GET", "count:\(index)").string ?? "0") ?? 0 }
                #expect(sum == Int64(acknowledged.value), "at node \(number + 1)")
            }
        }

        @Test("A node of another cluster, or without the secret, is refused and told why")
        func refusals() throws {
            let directory = try TemporaryDirectory()
            let secret = try directory.write("0123456789abcdef0123\n", to: "secret")
            let mesh = try Mesh(1, settings: [(name: "peer-secret-file", value: secret)])
            let seed = "127.0.0.1:\(mesh.peerPorts[0])"
            let wrong = try directory.write("another secret of nobody\n", to: "wrong")
            for (settings, reason) in [
                ([(name: "cluster", value: "other"), (name: "peer-secret-file", value: secret)], "--cluster"),
                ([(name: "peer-secret-file", value: wrong)], "different peer secrets"),
                ([], "has no peer secret"),
            ] {
                let stranger = try ServerProcess.start(
                    .a2, .init(settings: [(name: "node-id", value: "2"), (name: "peer", value: seed)] + settings))
                #expect(poll(forSeconds: 10) { stranger.log.contains(reason) }, "\(reason):\n\(stranger.log)")
            }
            // The one who refuses says so at once, and of further ones how many there were.
            #expect(try mesh.node(0).log.contains("--cluster"))
        }
    }
}

extension EndToEnd.Replication {
    @Test("Two nodes that differ in ten keys find and repair exactly those")
    func corruption() throws {
        let mesh = try Mesh(2)
        try mesh.waitUntilAllWritable()
        let first = try mesh.connect(0)
        for index in 0..<20_000 { first.enqueue([bytes("SET"), bytes("key:\(index)"), bytes("value:\(index)")]) }
        for _ in 0..<20_000 { _ = try first.receive() }
        try mesh.waitUntilEqual()
        for index in 0..<10 { #expect(try first.call("A2.DEBUG", "CORRUPT", "key:\(index * 1999)") == .ok) }
        #expect(try mesh.digest(0) != mesh.digest(1))
        #expect(try first.call("A2.SYNC") == .ok)
        try mesh.waitUntilEqual(seconds: 10)
        let repaired = try (0..<2).map { number in
            let info = try mesh.connect(number).call("INFO", "a2").string ?? ""
            return info.split(separator: "\r\n").first { $0.hasPrefix("a2_keys_repaired:") }
                .flatMap { Int($0.dropFirst("a2_keys_repaired:".count)) } ?? -1
        }
        #expect(repaired.reduce(0, +) == 10, "\(repaired)")
    }
}
