/// The conflict table over real processes, whose links are cut while they write and healed afterwards.
import Base
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Conflicts {
        private func setLinks(_ mesh: Mesh, _ word: String) throws {
            for number in mesh.nodes.indices {
                let client = try mesh.connect(number)
                for other in mesh.nodes.indices where other != number {
                    let reply = try client.call("A2.LINK", "\(other + 1)", word)
                    guard reply == .ok else { throw TestSupportError("A2.LINK: \(reply)") }
                }
            }
        }

        /// A clock that has moved on: whatever is written from here on is later than all before.
        private func waitForNextMillisecond(_ client: RESPClient) throws {
            func milliseconds() throws -> Int {
                guard case .array(let parts) = try client.call("TIME"), parts.count == 2,
                    let seconds = parts[0].string.flatMap({ Int($0) }),
                    let micros = parts[1].string.flatMap({ Int($0) })
                else { throw TestSupportError("TIME") }
                return seconds * 1000 + micros / 1000
            }
            let start = try milliseconds()
            while try milliseconds() <= start {}
        }

        private func plain(_ reply: Reply) -> String {
            if case .integer(let number) = reply { return "\(number)" }
            return reply.string ?? "\(reply)"
        }

        private func run(_ rows: [Conflict], size: Int) throws {
            let mesh = try Mesh(size)
            try mesh.waitUntilAllWritable()
            let clients = try (0..<size).map { try mesh.connect($0) }
            func call(_ row: Int, _ node: Int, _ command: String) throws -> Reply {
                // Few of them in one partition, so that the table's order is not one partition's clock.
                let words = Conflict.words(command, prefix: "{row\(row)}")
                return try clients[node].call(bytes: words.map { bytes($0) })
            }
            for (number, row) in rows.enumerated() { for command in row.before { _ = try call(number, 0, command) } }
            try mesh.waitUntilEqual()
            try setLinks(mesh, "DOWN")
            var rest = rows.map { ArraySlice($0.steps) }
            while rest.contains(where: { !$0.isEmpty }) {
                // Everybody's next step, up to the next sync.
                while rest.contains(where: { !$0.isEmpty && $0.first != "sync" }) {
                    for (number, steps) in rest.enumerated() {
                        let count = Conflict.stepsAtOnce(steps)
                        for step in steps.prefix(count) {
                            let words = step.split(separator: " ", maxSplits: 1)
                            let node = (words[0].first?.wholeNumberValue ?? 1) - 1
                            let reply = try call(number, node, String(words[1]))
                            #expect(!reply.isError, "\(rows[number].name): \(step): \(reply)")
                        }
                        rest[number] = steps.dropFirst(count)
                    }
                    for client in clients { try waitForNextMillisecond(client) }
                }
                try setLinks(mesh, "UP")
                try mesh.waitUntilEqual()
                if rest.contains(where: { !$0.isEmpty }) { try setLinks(mesh, "DOWN") }
                rest = rest.map { $0.first == "sync" ? $0.dropFirst() : $0 }
            }
            for node in 0..<size {
                for (number, row) in rows.enumerated() {
                    for (command, expected) in row.shows {
                        let reply = plain(try call(number, node, command))
                        #expect(reply == expected, "\(row.name): \(command) on node \(node + 1)")
                    }
                }
            }
        }

        @Test("What real nodes wrote while they were parted comes out as the table says", arguments: [2, 3])
        func table(size: Int) throws {
            let rows = Conflict.all.filter { size >= $0.nodeCount }
            try run(rows.filter { !$0.isAlone }, size: size)
            for row in rows where row.isAlone { try run([row], size: size) }
        }

        @Test("U10: expired on one node, prolonged before that on another, the key lives", arguments: [2, 3])
        func prolonged(size: Int) throws {
            let mesh = try Mesh(size)
            try mesh.waitUntilAllWritable()
            let (first, second) = (try mesh.connect(0), try mesh.connect(1))
            #expect(try first.call("SET", "k", "v", "PX", "1500") == .ok)
            try mesh.waitUntilEqual()
            try setLinks(mesh, "DOWN")
            #expect(try second.call("PEXPIREAT", "k", "4000000000000") == .integer(1))
            #expect(try poll(forSeconds: 10) { try first.call("EXISTS", "k") == .integer(0) })
            #expect(try second.call("GET", "k").string == "v")
            try setLinks(mesh, "UP")
            #expect(try poll(forSeconds: 15) { try first.call("GET", "k").string == "v" })
            try mesh.waitUntilEqual()
        }
    }
}
