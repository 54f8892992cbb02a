/// Several clients at once: what SCAN and WATCH promise while others write.
import Base
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Concurrency {
        @Test(
            "A scan returns every key that is there throughout, however the table grows and shrinks", arguments: 1...3)
        func scanGuarantee(seed: Int) throws {
            let server = try startSubject()
            let scanner = try server.connect()
            let writer = try server.connect()
            var random = SeededRandom(seed: UInt64(seed))
            let stable = (0..<400).map { "stable:\($0)" }
            for key in stable { #expect(try writer.call("SET", key, "v") == .ok) }
            for round in 0..<6 {
                var cursor = "0"
                var seen: Set<String> = []
                var passing = 0
                repeat {
                    let reply = try scanner.call("SCAN", cursor, "COUNT", "\(1 + random.below(30))")
                    let parts = try #require(reply.elements, "\(reply)")
                    cursor = try #require(parts[0].string)
                    seen.formUnion(try #require(parts[1].elements).compactMap(\.string))
                    // Grows in even rounds, shrinks in odd ones.
                    for _ in 0..<100 {
                        let name = "passing:\(round % 2 == 0 ? passing % 20_000 : random.below(20_000))"
                        writer.enqueue(
                            [bytes(round % 2 == 0 ? "SET" : "DEL"), bytes(name)] + (round % 2 == 0 ? [bytes("v")] : []))
                        passing += 1
                    }
                    for _ in 0..<100 { _ = try writer.receive() }
                } while cursor != "0" && passing < 1_000_000
                #expect(cursor == "0", "the scan does not end")
                let missing = stable.filter { !seen.contains($0) }.count
                #expect(missing == 0, "seed \(seed), round \(round)")
                if round % 2 == 1 {
                    for number in 0..<20_000 { writer.enqueue([bytes("DEL"), bytes("passing:\(number)")]) }
                    for _ in 0..<20_000 { _ = try writer.receive() }
                }
            }
        }

        @Test("WATCH loops of several clients lose no increment", arguments: [2, 3])
        func watchLoops(protocolVersion: Int) throws {
            let server = try startSubject(.init(threads: 4))
            let successes = Counter()
            let port = server.port
            // A plain GET, then a SET of one more: only WATCH keeps two clients from writing the same number.
            let failures = concurrently(6) { worker in
                let client = try RESPClient(port: port)
                if protocolVersion == 3 { _ = try client.call("HELLO", "3") }
                for _ in 0..<300 {
                    let watched = try client.call("WATCH", "counter", "other:\(worker)")
                    guard watched == .ok else { throw TestSupportError("WATCH: \(watched)") }
                    let value = try client.call("GET", "counter").string.flatMap { Int($0) } ?? 0
                    let replies = try client.pipeline([
                        words("MULTI"), words("SET counter \(value + 1)"), words("INCR shadow"), words("EXEC"),
                    ])
                    let isAborted = replies[3] == (protocolVersion == 3 ? .null : .nullArray)
                    guard isAborted || replies[3].elements?.first == .ok else { throw TestSupportError("\(replies)") }
                    if !isAborted { successes.increment() }
                }
            }
            #expect(failures == [])
            let client = try server.connect()
            #expect(successes.value > 0)
            #expect(successes.value < 1800, "nothing ever collided, so nothing was tested")
            #expect(try client.call("GET", "counter") == .text("\(successes.value)"))
            #expect(try client.call("GET", "shadow") == .text("\(successes.value)"))
        }

        @Test("Increments from several clients add up, and a transaction is seen whole or not at all")
        func incrementsAndWholeTransactions() throws {
            let server = try startSubject(.init(threads: 4))
            let writersDone = Counter()
            let wholeSights = Counter()
            let port = server.port
            let failures = concurrently(6) { worker in
                let client = try RESPClient(port: port)
                if worker < 4 {
                    defer { writersDone.increment() }
                    let commands = ["INCR total", "MULTI", "INCR left", "INCR right{x}", "EXEC"].map { words($0) }
                    for _ in 0..<500 { _ = try client.pipeline(commands) }
                    return
                }
                while writersDone.value < 4 {
                    let reply = try client.call("MGET", "left", "right{x}")
                    guard let parts = reply.elements, parts.count == 2, parts[0] == parts[1] else {
                        throw TestSupportError("half a transaction: \(reply)")
                    }
                    wholeSights.increment()
                }
            }
            #expect(failures == [])
            #expect(wholeSights.value > 10)
            let client = try server.connect()
            for key in ["total", "left", "right{x}"] { #expect(try client.call("GET", key) == .text("2000"), "\(key)") }
        }
    }
}

final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .sequentiallyConsistent) }
    func increment() { count.add(1, ordering: .sequentiallyConsistent) }
}
