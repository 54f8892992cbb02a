/// The log's pump between loops: whoever finds another at the disk is told, and what he waits for gets there.
import Base
import Commands
import Foundation
import OS
import Options
import Replication
import Synchronization
import TestSupport
import Testing

@testable import Server

/// A node with a data directory whose pump is turned by the test alone.
private final class PumpNode: Sendable {
    let shared: Shared
    let pump: LogPump
    private let directory: TemporaryDirectory

    init(loops: Int) throws {
        directory = try TemporaryDirectory()
        let logger = try Logger(level: .error, path: directory.file("log"))
        var options = Settings()
        options.set(.dataDir, .text(directory.file("data")), from: .standard)
        let store = try Store.open(options, logger)
        var settings = RuntimeSettings()
        settings.windowBytes = 1 << 20
        settings.threads = loops
        settings.store = store
        settings.options = options
        shared = try Runtime.makeShared(settings, port: 0, peerPort: 0, try Stop(), logger)
        _ = try store.load(into: shared)
        pump = LogPump(shared, try #require(shared.log), store)
        shared.log?.follow(.always)
    }

    var durablePosition: UInt64 { shared.log?.buffer.durablePosition ?? 0 }

    func append(_ text: String) {
        let bytes = Array(text.utf8)
        bytes.withView { view in shared.node.window.append(view, view.dropFirst(view.count)) }
    }
}

@Suite struct LogPumpTests {
    @Test("Of loops that go to the disk at the same time each gets there what it waits for")
    func crowd() throws {
        let loops = 4
        let node = try PumpNode(loops: loops)
        let unheard = Atomic<Int>(0)
        let threads = try (0..<loops).map { index in
            try Thread.start(name: "test-loop-\(index)") {
                let (counters, mailbox) = (node.shared.counters[index], node.shared.mailboxes[index])
                for round in 0..<500 where unheard.load(ordering: .relaxed) == 0 {
                    node.append("loop \(index) round \(round)")
                    let position = node.shared.node.window.end
                    counters.repliesWithheld.store(1, ordering: .sequentiallyConsistent)
                    atomicMemoryFence(ordering: .sequentiallyConsistent)
                    node.pump.commit(for: index)
                    while node.durablePosition < position {
                        mailbox.wakeUp.wait(timeoutMilliseconds: 20_000)
                        if !mailbox.wakeUp.isPending {
                            unheard.add(1, ordering: .relaxed)
                            break
                        }
                        _ = mailbox.takeAll()
                        node.pump.commit(for: index)
                    }
                    counters.repliesWithheld.store(0, ordering: .sequentiallyConsistent)
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(unheard.load(ordering: .relaxed) == 0, "told nothing for twenty seconds")
        #expect(node.durablePosition == node.shared.node.window.end)
        #expect(node.pump.counts.syncs > 0 && node.pump.counts.syncs <= UInt64(loops * 500))
    }

    @Test("Behind the end that was marked as clean nothing is written, and nobody is promised anything")
    func finished() throws {
        let node = try PumpNode(loops: 1)
        node.append("before")
        let end = node.pump.finish()
        let durable = node.durablePosition
        node.append("after")
        node.pump.commit(for: 0)
        #expect(node.durablePosition == durable)
        #expect(node.shared.log?.endPosition.load(ordering: .relaxed) == end)
    }
}
