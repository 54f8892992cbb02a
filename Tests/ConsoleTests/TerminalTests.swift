/// The console on a terminal, as a person meets it.
import Foundation
import TestSupport
import Testing

@Suite struct TerminalTests {
    @Test("Lines are sent, replies printed, hints shown, bytes beyond ASCII kept")
    func lines() throws {
        let stage = try TerminalStage()
        try stage.terminal.type("SET ")
        try stage.terminal.wait(for: "key value [NX | XX]")
        try stage.run("greeting 'schön'", shows: "OK\r\n")
        try stage.run("GET greeting", shows: #""sch\xc3\xb6n""#)
        try stage.run("GET", shows: "(error) ERR wrong number of arguments for 'get' command")
        try stage.run("SELECT 3", shows: stage.prompt("[3]"))
        try stage.run("MULTI", shows: stage.prompt("[3](TX)"))
        try stage.run("SET a 1", shows: "QUEUED")
        try stage.run("EXEC", shows: "1) OK\r\n")
        try stage.run("3 PING", shows: "PONG\r\nPONG\r\nPONG\r\n")
        try stage.run("GET a | tr 1 7", shows: "\u{1B}[?2004l7\r\n")
        // Until then the terminal belongs to what runs, and so does Ctrl-D.
        try stage.terminal.wait(for: stage.prompt("[3]"))
        try stage.terminal.type("\u{4}")
        #expect(stage.terminal.waitForExit() == 0)
        #expect(stage.terminal.isCooked)
    }

    @Test("The tabulator completes commands, subcommands, options and keys")
    func completion() throws {
        let stage = try TerminalStage()
        try stage.run("MSET user:1 a user:23 b", shows: "OK\r\n")
        try stage.terminal.type("INCRBYF\t")
        try stage.terminal.wait(for: "LOAT")
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: "^C")
        // Keys are asked for within 50 ms, which a busy server does not always keep: then Tab does nothing, and is
        // pressed again.
        try stage.terminal.type("get user:2")
        // With the blank behind it: the prompt's port may have a 3 as well.
        try stage.terminal.press("\t", until: "3 ")
        try stage.terminal.type("\r")
        try stage.terminal.wait(for: "\"b\"\r\n")
        try stage.terminal.type("get us")
        try stage.terminal.press("\t", until: "user:1   user:23")
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: "^C")
        try stage.run(":set nokeys", shows: stage.prompt())
        try stage.terminal.type("client getn\t\r")
        try stage.terminal.wait(for: "(nil)")
    }

    @Test("The history is searched, kept for the owner only, and knows no secrets")
    func history() throws {
        let stage = try TerminalStage()
        try stage.run("SET needle 1", shows: "OK\r\n")
        try stage.run("AUTH hunter2", shows: "(error)")
        try stage.run("HELLO 3 AUTH default hunter2", shows: "proto")
        try stage.run("CONFIG SET requirepass 'hunter2", shows: "Invalid argument(s)")
        try stage.run("PING", shows: "PONG")
        try stage.terminal.type("\u{12}need")
        try stage.terminal.wait(for: "bck:")
        try stage.terminal.type("\r\r")
        try stage.terminal.wait(for: "OK\r\n")
        let path = stage.home.file(".a2console_history")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains("SET needle 1\n"))
        #expect(!text.contains("hunter2"))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("What the server says appears above a half-typed line, which stays; Ctrl-C ends MONITOR")
    func monitor() throws {
        let stage = try TerminalStage()
        try stage.run("MONITOR", shows: stage.prompt("(monitor)"))
        try stage.terminal.type("GET half")
        try stage.terminal.wait(for: "GET half")
        _ = try stage.connect().call("SET", "other", "1")
        try stage.terminal.wait(for: "\"SET\" \"other\" \"1\"")
        try stage.terminal.wait(for: "GET half")
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: "^C")
        try stage.terminal.wait(for: stage.prompt())
        try stage.run("PING", shows: "PONG\r\n")
    }

    @Test("Messages of channels appear above a line of several rows")
    func messages() throws {
        let stage = try TerminalStage(.redis, columns: 40)
        try stage.run("SUBSCRIBE news", shows: "(integer) 1")
        let long = String(repeating: "abcdefgh ", count: 8)
        try stage.terminal.type(long)
        try stage.terminal.wait(for: "efgh")
        _ = try stage.connect().call("PUBLISH", "news", "extra")
        try stage.terminal.wait(for: "3) \"extra\"")
        try stage.terminal.wait(for: "(subscribed mode)> ")
        stage.terminal.resize(columns: 100, rows: 30)
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: "^C")
        try stage.run("PING", shows: "PONG\r\n")
    }

    @Test("A server that goes and returns is reached again, and a transaction is over")
    func reconnecting() throws {
        let stage = try TerminalStage(.redis)
        try stage.run("MULTI", shows: stage.prompt("(TX)"))
        stage.server?.stop()
        try stage.terminal.wait(for: "not connected> ")
        let again = try ChildProcess(
            try TestEnvironment.program("redis-server"),
            ["--port", "\(stage.port)", "--save", "", "--bind", "127.0.0.1", "--dir", stage.home.path],
            outputPath: stage.home.file("log"))
        defer { again.signal(15) }
        try stage.terminal.wait(for: stage.prompt())
        try stage.run("PING", shows: "PONG\r\n")
    }

    @Test("What destroys much is asked about; anything but yes leaves it")
    func asking() throws {
        let stage = try TerminalStage()
        try stage.run("SET a 1", shows: "OK\r\n")
        try stage.run("FLUSHALL", shows: "(yes/no) ")
        try stage.run("n", shows: "Not done.")
        try stage.run("DBSIZE", shows: "(integer) 1")
        try stage.run("FLUSHALL", shows: "(yes/no) ")
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: "Not done.")
        try stage.run("FLUSHDB", shows: "(yes/no) ")
        try stage.run("yes", shows: "OK\r\n")
        try stage.run("DBSIZE", shows: "(integer) 0")
    }

    @Test("Ctrl-C ends a command that does not come back, and a long reply; the terminal is given back to a signal")
    func interrupting() throws {
        let stage = try TerminalStage(.redis)
        try stage.run("BLPOP none 0", shows: "BLPOP none 0")
        // Until the server has it, Ctrl-C would take back the line instead.
        let observer = try stage.connect()
        let isBlocked = poll(forSeconds: 20) {
            (try? observer.call("INFO", "clients").string?.contains("blocked_clients:1")) == true
        }
        #expect(isBlocked)
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: "^C")
        try stage.run("EVAL \"for i=1,300000 do redis.call('RPUSH','l',i) end return 1\" 0", shows: "(integer) 1")
        try stage.run("LRANGE l 0 -1", shows: "\r\n     2) \"2\"")
        try stage.terminal.type("\u{3}")
        try stage.terminal.wait(for: stage.prompt())
        try stage.run("PING", shows: "PONG\r\n")
        try stage.run("LRANGE l 0 -1", shows: "300000) \"300000\"\r\n")
        stage.terminal.signal(15)
        #expect(stage.terminal.waitForExit() == 143)
        #expect(stage.terminal.isCooked)
    }

    @Test(
        "A crash leaves the terminal as it was, also in the middle of the whole screen",
        arguments: [SIGSEGV, SIGABRT, SIGILL, SIGQUIT])
    func crash(_ signal: Int32) throws {
        for isOnScreen in [false, true] {
            let stage = try TerminalStage()
            try stage.terminal.type("GET half")
            try stage.terminal.wait(for: "half")
            #expect(!stage.terminal.isCooked)
            if isOnScreen {
                try stage.terminal.type("\u{15}:top\r")
                try stage.terminal.wait(for: "\u{1B}[?1049h")
                try stage.terminal.wait(for: "digests")
            }
            stage.terminal.signal(signal)
            #expect(stage.terminal.waitForExit() == 128 + signal)
            #expect(stage.terminal.isCooked)
            #expect(stage.terminal.output.hasSuffix("\u{1B}[?2004l\u{1B}[0m\r\n"))
            #expect(stage.terminal.output.contains("\u{1B}[?1049l") == isOnScreen)
        }
    }

    @Test("Ctrl-Z gives the terminal back, and the half-typed line is there again afterwards")
    func suspending() throws {
        let stage = try TerminalStage()
        try stage.terminal.type("ECHO half")
        try stage.terminal.wait(for: "half")
        stage.terminal.signal(SIGTSTP)
        #expect(poll(forSeconds: 20) { stage.terminal.isStopped })
        #expect(stage.terminal.isCooked)
        stage.terminal.signal(SIGCONT)
        try stage.terminal.wait(for: stage.prompt() + "ECHO half")
        try stage.run("way", shows: "\"halfway\"\r\n")
    }

    @Test("The password that is asked for is not shown, and Ctrl-C there leaves a terminal that shows what is typed")
    func askingForPassword() throws {
        let server = try ServerProcess.start(.a2, ServerProcess.Options(password: "sesame"))
        let home = try TemporaryDirectory()
        func terminal() throws -> PseudoTerminal {
            let terminal = try PseudoTerminal(
                try TestEnvironment.a2Binary(), ["console", "-p", "\(server.port)", "--askpass"],
                environment: ["HOME": home.path, "NO_COLOR": "1"])
            try terminal.wait(for: "Password: ")
            return terminal
        }
        let right = try terminal()
        try right.type("sesame\r")
        try right.wait(for: "127.0.0.1:\(server.port)> ")
        try right.type("ACL WHOAMI\r")
        try right.wait(for: "\"default\"")
        #expect(!right.output.contains("sesame"))
        let wrong = try terminal()
        try wrong.type("opensesame\r")
        #expect(wrong.waitForExit() == 4)
        let given = try terminal()
        try given.type("ses\u{3}")
        #expect(given.waitForExit() == 130)
        #expect(given.isCooked)
    }

    @Test("The rc file runs first")
    func startFile() throws {
        let server = try ServerProcess.start(.a2)
        let home = try TemporaryDirectory()
        _ = try home.write("# comment\nset raw\nSELECT 2\n", to: ".a2consolerc")
        let terminal = try PseudoTerminal(
            try TestEnvironment.a2Binary(), ["console", "-p", "\(server.port)"],
            environment: ["HOME": home.path, "NO_COLOR": "1", "TERM": "dumb"])
        try terminal.wait(for: "127.0.0.1:\(server.port)[2]> ")
        try terminal.type("STRLEN x\r")
        try terminal.wait(for: "\r\n0\r\n")
    }
}
