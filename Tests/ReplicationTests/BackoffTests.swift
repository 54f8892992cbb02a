/// The delays between two dials of a peer that does not answer.
import Base
import Testing

@testable import Replication

@Suite struct BackoffTests {
    @Test("The bound doubles from 100 ms to 5 s and delays spread over all of it", arguments: 1...5)
    func doubling(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var backoff = Backoff()
        for bound: Int64 in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            #expect(backoff.boundMilliseconds == bound)
            let delay = backoff.failed(&random)
            #expect((1...bound).contains(delay), "seed \(seed)")
        }
        let delays = (0..<1000).map { _ in backoff.failed(&random) }
        #expect(delays.allSatisfy { (1...5000).contains($0) })
        #expect(delays.contains { $0 < 500 } && delays.contains { $0 > 4500 }, "seed \(seed)")
        backoff.succeeded()
        #expect(backoff.failed(&random) <= 100)
    }

    @Test("A refusal is not asked for again in a hurry")
    func refusal() {
        var random = SeededRandom(seed: 1)
        var backoff = Backoff()
        _ = backoff.refused(&random)
        #expect(backoff.boundMilliseconds == 5000)
        backoff.succeeded()
        #expect(backoff == Backoff())
    }
}
