/// The views on a terminal, of three real nodes: what a person sees while links are cut, healed and data goes bad.
import TestSupport
import Testing

@testable import Console

@Suite(.serialized) struct TerminalClusterTests {
    private func stage(_ trio: ClusterTrio, columns: Int = 100) throws -> TerminalStage {
        try TerminalStage(port: trio.nodes[0].port, columns: columns)
    }

    @Test(
        ":top follows a link that is cut and healed, a key that goes bad, another size; the prompt is back afterwards")
    func top() throws {
        let trio = try ClusterTrio()
        for index in 0..<20 { _ = try trio.call(0, "SET", "key:\(index)", "x") }
        let stage = try stage(trio)
        let terminal = stage.terminal
        try terminal.type(":top --interval 200ms\r")
        try terminal.wait(for: "3 nodes")
        try terminal.wait(for: "digests: all equal")

        for other in ["1", "2"] { _ = try trio.call(2, "A2.LINK", other, "DOWN") }
        try terminal.wait(for: "down ")
        for index in 0..<20 { _ = try trio.call(0, "SET", "late:\(index)", "x") }
        try terminal.wait(for: " in flight, 0 diverged")
        for other in ["1", "2"] { _ = try trio.call(2, "A2.LINK", other, "UP") }
        try terminal.wait(for: "digests: all equal")

        _ = try trio.call(1, "A2.DEBUG", "CORRUPT", "key:7")
        try terminal.wait(for: "0 in flight, 1 diverged")
        _ = try trio.call(1, "A2.SYNC")
        try terminal.wait(for: "digests: all equal")

        terminal.resize(columns: 40, rows: 12)
        try terminal.wait(for: "\u{1B}[H")
        try terminal.type("?")
        try terminal.wait(for: "q, Esc")
        try terminal.type("q")
        try terminal.wait(for: "\u{1B}[?1049l")
        try terminal.wait(for: stage.prompt())
        try stage.run("GET key:8", shows: "\"x\"\r\n")
        try terminal.type("\u{4}")
        #expect(terminal.waitForExit() == 0)
        #expect(terminal.isCooked)
    }

    @Test("The state of the cluster stands at the right of the prompt and follows it")
    func status() throws {
        let trio = try ClusterTrio()
        let stage = try stage(trio)
        try stage.terminal.wait(for: "lag ")
        _ = try trio.call(0, "SET", "cart:17", "x")
        #expect(try poll(forSeconds: 20) { try trio.document("digest").members["state"] as? String == "equal" })
        _ = try trio.call(1, "A2.DEBUG", "CORRUPT", "cart:17")
        try stage.terminal.wait(for: "1≠")
        _ = try trio.call(1, "A2.SYNC")
        try stage.terminal.wait(for: "ms =")
        for other in ["1", "2"] { _ = try trio.call(2, "A2.LINK", other, "DOWN") }
        try stage.terminal.wait(for: "link down")
        // It gives way to what is typed, and comes back.
        try stage.terminal.type("GET ")
        try stage.terminal.wait(for: "key")
        try stage.terminal.type("\u{15}")
        try stage.terminal.wait(for: "link down")
        try stage.run(":set nostatus", shows: stage.prompt())
        try stage.run("PING", shows: "PONG\r\n")
    }
}
