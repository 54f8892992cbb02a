/// Broken streams against a living server: it may refuse anything, but it must live, answer others and not swell.
///
/// `A2_FUZZ_SECONDS` sets how long (default 5), `A2_FUZZ_SEED` where to begin.
import Base
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Fuzz {
        @Test("Mutated request streams neither end nor block nor bloat the server")
        func mutatedStreams() throws {
            let server = try startSubject()
            let seconds = TestEnvironment.variable("A2_FUZZ_SECONDS").flatMap { Double($0) } ?? 5
            let firstSeed = UInt64(TestEnvironment.integer("A2_FUZZ_SEED") ?? 1)
            let deadline = Deadline(seconds: seconds)
            _ = try server.connect().call("FLUSHALL")
            let baseline = server.process.residentBytes
            var bursts = 0
            var seed = firstSeed
            while !deadline.hasPassed {
                var fuzzer = StreamFuzzer(seed: seed)
                let streams = (0..<8).map { _ in fuzzer.nextStream() }
                do {
                    try deliver(streams, to: server, &fuzzer.random)
                    let took = try secondsTaken {
                        let answer = try server.connect(timeoutSeconds: 10).call("PING")
                        #expect(answer == .simple(bytes("PONG")), "seed \(seed)")
                    }
                    #expect(took < 1, "seed \(seed): PING took \(took) s")
                } catch {
                    Issue.record(
                        "seed \(seed): \(error)\n\(streams.map { escaped($0, limit: 400) })\n\(server.log.suffix(2000))"
                    )
                    return
                }
                bursts += 1
                if bursts % 50 == 0 {
                    _ = try server.connect().call("FLUSHALL", "SYNC")
                    let resident = server.process.residentBytes
                    #expect(resident < baseline + 512 << 20, "seed \(seed): \(resident >> 20) MiB after FLUSHALL")
                }
                seed += 1
            }
            print("\(bursts) bursts of 8 mutated streams, resident \(server.process.residentBytes >> 20) MiB")
            #expect(bursts > 10)
        }

        /// Sends each stream on its own connection, in pieces, reads a little or nothing, and leaves.
        private func deliver(_ streams: [[UInt8]], to server: ServerProcess, _ random: inout SeededRandom) throws {
            let clients = try streams.map { _ in try RESPClient(port: server.port) }
            var sent = streams.map { _ in 0 }
            for _ in 0..<4 {
                for (index, stream) in streams.enumerated() where sent[index] < stream.count {
                    let count = min(stream.count - sent[index], 1 + random.below(stream.count))
                    let piece = Array(stream[sent[index]..<sent[index] + count])
                    // A server that closed the connection, or takes no more, is within its rights.
                    if clients[index].sendWithoutReading(raw: piece) == count {
                        sent[index] += count
                    } else {
                        sent[index] = stream.count
                    }
                    // A broken reply is not within its rights, but this stream may not be the one to tell.
                    if random.below(2) == 0 { _ = try? clients[index].unexpectedBytes() }
                }
            }
        }
    }
}

/// Valid streams from the command generator, made invalid.
struct StreamFuzzer {
    var random: SeededRandom
    private var generator: CommandGenerator

    private static let tokens: [String] = [
        "\r\n", "\n", "\r", "*", "$", "*1\r\n", "$-1\r\n", "*-1\r\n", "$0\r\n\r\n", "*1000000000\r\n", "$536870912\r\n",
        "$536870913\r\n", "*2147483647\r\n", "*2147483648\r\n", "$9223372036854775807\r\n", "\"", "'", "\\x", "\u{0}",
        " ",
        "*3\r\n$3\r\nSET\r\n", "PING\r\n", "MULTI\r\n", "EXEC\r\n", "RESET\r\n", "HELLO 3\r\n", "MONITOR\r\n", "-1",
        "99999999999",
        "CLIENT REPLY OFF\r\n", "CLIENT REPLY SKIP\r\n", "SELECT 9\r\n", "%1\r\n", ">1\r\n", "QUIT\r\n",
    ]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        generator = CommandGenerator(seed: seed &* 31 &+ 7)
    }

    mutating func nextStream() -> [UInt8] {
        var stream: [UInt8] = []
        let batch = generator.nextBatch()
        for step in batch {
            guard case .command(let command, _) = step.action, !canAllocate(command) else { continue }
            RESPClient.encode(command, into: &stream)
        }
        for _ in 0..<1 + random.below(12) { mutate(&stream) }
        return stream
    }

    /// One changed digit of these may ask for 512 MB, rightly.
    private func canAllocate(_ command: Command) -> Bool {
        let name = String(decoding: command.first ?? [], as: UTF8.self).uppercased()
        return ["SETRANGE", "SETBIT", "BITFIELD", "LCS", "WAIT", "DEBUG"].contains(name)
    }

    private mutating func mutate(_ stream: inout [UInt8]) {
        guard !stream.isEmpty else {
            stream = Array(StreamFuzzer.tokens[random.below(StreamFuzzer.tokens.count)].utf8)
            return
        }
        let at = random.below(stream.count)
        let length = min(stream.count - at, 1 + random.below(40))
        switch random.below(9) {
        case 0: stream[at] ^= UInt8(1 << random.below(8))
        case 1: stream[at] = UInt8(truncatingIfNeeded: random.next())
        case 2: stream.removeSubrange(at..<at + length)
        case 3: stream.insert(contentsOf: stream[at..<at + length], at: random.below(stream.count))
        case 4, 5:
            stream.insert(contentsOf: StreamFuzzer.tokens[random.below(StreamFuzzer.tokens.count)].utf8, at: at)
        case 6: stream.removeSubrange(at...)
        case 7:
            // Another number where a number stands.
            guard let digit = stream[at...].firstIndex(where: { $0 >= 48 && $0 <= 57 }) else { return }
            stream.replaceSubrange(digit...digit, with: String(random.next() >> UInt64(random.below(64))).utf8)
        default:
            let other = random.below(stream.count)
            stream.swapAt(at, other)
        }
    }
}
