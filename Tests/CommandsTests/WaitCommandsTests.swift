/// WAIT and WAITAOF: what counts as acknowledged, and what is left to wait for.
import Base
import Replication
import Testing

@testable import Commands

@Suite struct WaitCommandsTests {
    private let harness = NodeHarness()

    @Test("A peer counts once it has everything written before, not while a byte is missing")
    func counting() {
        let marks = harness.node.acknowledgements
        #expect(harness("SET", "k", "v") == "+OK")
        let end = harness.node.window.end
        #expect(end > 0)
        marks.note(.applied, node: 2, upTo: end)
        marks.note(.applied, node: 255, upTo: end - 1)
        #expect(harness("WAIT", "1", "0") == ":1")
        #expect(harness("WAIT", "0", "0") == ":1" && harness("WAIT", "-5", "0") == ":1")
        #expect(harness.requests.isEmpty)
        #expect(harness("SET", "k", "w") == "+OK")
        #expect(harness("WAIT", "1", "250").isEmpty)
        guard case .waitForPeers(let request) = harness.requests.first else { return #expect(Bool(false)) }
        #expect(request.peerCount == 1 && request.timeoutMilliseconds == 250 && request.kind == .applied)
        marks.note(.applied, node: 255, upTo: harness.node.window.end)
        marks.note(.applied, node: 2, upTo: harness.node.window.end)
        #expect(harness("WAIT", "2", "0") == ":2")
        // A peer that came back without its memory has nothing.
        marks.note(.applied, node: 2, upTo: 0)
        marks.forget(node: 255)
        #expect(harness("WAIT", "0", "0") == ":0")
    }

    @Test("A peer that nothing is known of does not count even where nothing was written")
    func unknown() {
        let marks = harness.node.acknowledgements
        #expect(marks.count(.applied, upTo: 0) == 0)
        marks.note(.applied, node: 9, upTo: 0)
        #expect(marks.count(.applied, upTo: 0) == 1 && marks.count(.durable, upTo: 0) == 0)
        let before = marks.noteCount
        marks.note(.durable, node: 9, upTo: 0)
        #expect(marks.noteCount > before && marks.count(.durable, upTo: 0) == 1)
    }

    @Test("Inside MULTI both reply at once with what there is")
    func inTransaction() {
        harness.node.acknowledgements.note(.applied, node: 2, upTo: 1 << 40)
        for words in [["MULTI"], ["SET", "k", "v"], ["WAIT", "3", "0"], ["WAITAOF", "0", "3", "0"]] {
            _ = harness.run(words.map { Array($0.utf8) })
        }
        #expect(harness("EXEC") == "*3 +OK :1 *2 :0 :0")
        #expect(harness.ordered.isEmpty)
    }
}
