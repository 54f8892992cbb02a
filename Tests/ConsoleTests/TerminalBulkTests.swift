/// Much at once on a terminal: long pastes, long replies, and Ctrl-C in the middle of either.
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Console

@Suite(.serialized) struct TerminalBulkTests {
    private static let lineCount = 10_000
    private var numbers: String { (1...Self.lineCount).map { "\($0)," }.joined() }
    private var lines: String { (1...Self.lineCount).map { "APPEND log \($0),\r" }.joined() }

    /// Whole, in order, each once: what the server has of it tells.
    private func checkLog(_ stage: TerminalStage) throws {
        let log = try stage.connect().call("GET", "log").string
        #expect(log == numbers, "\(log?.utf8.count ?? 0) bytes of \(numbers.utf8.count)")
    }

    @Test("Ten thousand pasted lines run once the user has said so, in order and whole")
    func paste() throws {
        let stage = try TerminalStage(.a2, ["--raw"])
        try stage.paste(lines + "STRLEN ")
        try stage.terminal.wait(for: "Run the 10000 pasted lines? (yes/no) ")
        #expect(try stage.connect().call("EXISTS", "log") == .integer(0))
        try stage.terminal.type("yes\r")
        // The line without an end waits to be finished.
        try stage.terminal.wait(for: "\(stage.prompt())STRLEN ", seconds: 60)
        try stage.run("log", shows: "\(numbers.utf8.count)\r\n")
        try checkLog(stage)
    }

    @Test("Ten thousand lines without marks, as from a terminal that has none, run as they come")
    func typedAhead() throws {
        let stage = try TerminalStage(.a2, ["--raw"])
        try stage.terminal.type(lines)
        try stage.terminal.wait(for: "\(numbers.utf8.count)\r\n", seconds: 60)
        try checkLog(stage)
    }

    @Test("Ctrl-C ends a paste at the line it has come to", arguments: [true, false])
    func interruptedPaste(_ isMarked: Bool) throws {
        let count = Atomic<Int>(0)
        let server = try ViewScriptedNode { command in
            guard command == "INCR slow" else { return .bytes("*0\r\n") }
            usleep(1000)
            return .bytes(":\(count.add(1, ordering: .relaxed).newValue)\r\n")
        }
        defer { server.close() }
        let stage = try TerminalStage(port: server.port)
        let lines = String(repeating: "INCR slow\r", count: Self.lineCount)
        if isMarked {
            try stage.paste(lines)
            try stage.terminal.wait(for: "(yes/no) ")
            try stage.terminal.type("yes\r")
            try stage.terminal.wait(for: "(integer) 20\r\n")
        } else {
            try stage.terminal.type(lines)
        }
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: "^C", seconds: 60)
        try stage.run("DONE", shows: "(empty array)")
        #expect(count.load(ordering: .relaxed) < Self.lineCount / 2)
    }

    @Test("A pasted line waits for Return, one of several for an answer, and no leaves what was typed")
    func smallPastes() throws {
        let stage = try TerminalStage()
        try stage.terminal.type("SET key ")
        try stage.paste("'schön\tweit'\r\n")
        try stage.terminal.wait(for: "weit'")
        try stage.run("", shows: "OK\r\n")
        try stage.run("GET key", shows: #""sch\xc3\xb6n\tweit""#)
        try stage.terminal.type("GET")
        try stage.paste(" key\r\nDEL key\r\nGET ")
        try stage.terminal.wait(for: "Run the 2 pasted lines? (yes/no) ")
        try stage.terminal.type("no\r")
        try stage.terminal.wait(for: "Not run.\r\n")
        try stage.terminal.wait(for: stage.prompt() + "GET")
        try stage.run(" key", shows: #""sch\xc3\xb6n\tweit""#)
        try stage.run(":set noask", shows: stage.prompt())
        try stage.paste("SET a 1\nSET b 2\n")
        try stage.terminal.wait(for: "SET b 2\r\nOK\r\n")
        // A question asks the person, not the paste.
        try stage.run(":set ask", shows: stage.prompt())
        try stage.paste("FLUSHALL\nyes\n")
        try stage.terminal.wait(for: "(yes/no) ")
        try stage.terminal.type("yes\r")
        try stage.terminal.wait(for: "FLUSHALL deletes every key of every database, on all nodes. Do it? (yes/no) ")
        try stage.terminal.type("no\r")
        try stage.terminal.wait(for: "ERR unknown command 'yes'")
        #expect(try stage.connect().call("DBSIZE") == .integer(3))
    }

    private static let elementCount = 1_000_000

    private static let elements: [UInt8] = {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(elementCount * 14)
        for number in 0..<elementCount { bytes += Array("$7\r\n\(1_000_000 + number)\r\n".utf8) }
        return bytes
    }()

    @Test("A reply of a million elements is shown to the last byte")
    func longReply() throws {
        let reply = "*\(Self.elementCount)\r\n" + String(decoding: Self.elements, as: UTF8.self)
        let server = try ViewScriptedNode { .bytes($0 == "LRANGE l 0 -1" ? reply : "*0\r\n") }
        defer { server.close() }
        let stage = try TerminalStage(port: server.port)
        try stage.terminal.type("LRANGE l 0 -1\r")
        let shown = try stage.terminal.wait(for: "1000000) \"1999999\"\r\n", seconds: 60)
        var expected: [UInt8] = []
        for number in 0..<Self.elementCount {
            let place = String(number + 1)
            expected += [UInt8](repeating: 0x20, count: 7 - place.utf8.count)
            expected += Array("\(place)) \"\(1_000_000 + number)\"\r\n".utf8)
        }
        // Data, because comparing arrays byte by byte takes seconds in a debug build.
        #expect(Data(shown.suffix(expected.count)) == Data(expected))
    }

    @Test(
        "Ctrl-C ends a long reply while it comes, and while it is shown", arguments: ["typed", "table"])
    func interruptedReply(_ format: String) throws {
        let all = String(decoding: Self.elements, as: UTF8.self)
        let server = try ViewScriptedNode { command in
            switch command {
            case "HALF": .bytes("*\(Self.elementCount * 2)\r\n" + all)
            case "WHOLE": .bytes("*\(Self.elementCount)\r\n" + all)
            default: .bytes("*0\r\n")
            }
        }
        defer { server.close() }
        let stage = try TerminalStage(port: server.port)
        try stage.run(":set \(format)", shows: stage.prompt())
        let begun = ["typed": "      1) ", "json": "[\"1000000\"", "csv": "\"1000000\",", "table": "# "][format] ?? ""
        for (command, shows) in [("HALF", "HALF\r\n"), ("WHOLE", begun)] {
            try stage.run(command, shows: shows)
            let seconds = try secondsTaken {
                try stage.terminal.type("\u{3}")
                try stage.terminal.wait(for: stage.prompt())
            }
            #expect(seconds < 5, "\(command)")
        }
        try stage.run("PING", shows: format == "table" ? "(empty)" : format == "typed" ? "(empty array)" : "\r\n")
    }
}
