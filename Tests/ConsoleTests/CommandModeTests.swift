/// What scripts see: formats to redis-cli's letter, and statuses that can be trusted.
import Foundation
import TestSupport
import Testing

@Suite struct CommandModeTests {
    private func console(
        _ server: ServerProcess, _ arguments: [String], input: String = "", environment: [String: String] = [:]
    ) throws -> (exit: ChildProcess.Exit, output: String) {
        try ChildProcess.run(
            try TestEnvironment.a2Binary(), ["console", "-p", "\(server.port)"] + arguments, input: input,
            environment: ["A2_CONSOLE_HISTORY": ""].merging(environment) { _, new in new })
    }

    @Test(
        "Every kind of reply looks as in redis-cli",
        arguments: [["-3"], ["-2"]], [["--no-raw"], ["--raw"], ["--raw", "-d", "; ", "-D", " |"], ["--csv"]])
    func formats(_ version: [String], _ format: [String]) throws {
        let server = try ServerProcess.start(.redis, ServerProcess.Options(settings: [("enable-debug-command", "yes")]))
        let client = try server.connect()
        for element in 1...12 { _ = try client.call("RPUSH", "list", "\(element)") }
        _ = try client.call("HSET", "hash", "a\u{1}\"", "1", "b", "zwölf")
        let kinds = ["string", "integer", "double", "null", "array", "set", "map", "verbatim", "true", "false"]
        var commands = kinds.map { ["DEBUG", "PROTOCOL", $0] }
        commands += [["LRANGE", "list", "0", "-1"], ["HGETALL", "hash"], ["HGETALL", "none"], ["GET", "none"]]
        commands += [
            ["SMEMBERS", "none"], ["LRANGE", "none", "0", "-1"], ["SLOWLOG", "GET"], ["COMMAND", "INFO", "GET"],
        ]
        commands += [
            ["GET", "list"], ["BAD"], ["PING"], ["EVAL", "return {1,{2,{3,'x'},{}},false}", "0"], ["ECHO", ""],
        ]
        for command in commands {
            let ours = try console(server, version + format + ["--no-fail"] + command)
            let theirs = try ChildProcess.run(
                try TestEnvironment.program("redis-cli"), ["-p", "\(server.port)"] + version + format + command)
            #expect(ours.output == theirs.output, "\(command)")
            #expect(ours.exit == .exited(0))
        }
    }

    @Test("Statuses say what happened")
    func statuses() throws {
        let server = try ServerProcess.start(.a2)
        _ = try server.connect().call("SET", "word", "x")
        #expect(try console(server, ["GET", "word"]).exit == .exited(0))
        #expect(try console(server, ["INCR", "word"]).exit == .exited(1))
        #expect(try console(server, ["--no-fail", "INCR", "word"]).exit == .exited(0))
        #expect(try console(server, ["-c", "INCR word", "-c", "SET later 1"]).exit == .exited(1))
        #expect(try console(server, ["GET", "later"]).output == "\n")
        #expect(try console(server, [], input: "SET a 1\n\n# comment\nINCR a").output == "OK\n2\n")
        #expect(try console(server, [], input: "INCR word\nSET later 1\n").exit == .exited(1))
        #expect(try console(server, ["--no-fail"], input: "INCR word\nSET later 1\n").exit == .exited(0))
        #expect(try console(server, ["GET", "later"]).output == "1\n")
        #expect(try console(server, ["--read-only", "SET", "a", "2"]).exit == .exited(1))
        #expect(try console(server, ["--read-only", "CONFIG", "SET", "maxmemory", "1"]).exit == .exited(1))
        #expect(try console(server, ["--read-only", "GET", "a"]).output == "2\n")
        #expect(try console(server, ["--json", "--csv", "PING"]).exit == .exited(2))
        #expect(try console(server, ["-c", ":nonsense"]).exit == .exited(2))
        #expect(try console(server, ["-c", "GET 'a"]).exit == .exited(2))
        #expect(try console(server, ["-u", "redis://127.0.0.1:1", "-p", "1", "PING"]).exit == .exited(3))
        let guarded = try ServerProcess.start(.a2, ServerProcess.Options(password: "sesame"))
        #expect(try console(guarded, ["PING"]).exit == .exited(4))
        #expect(try console(guarded, ["-a", "wrong", "PING"]).exit == .exited(4))
        #expect(try console(guarded, ["PING"], environment: ["REDISCLI_AUTH": "sesame"]).output == "PONG\n")
    }

    @Test("Input becomes an argument, and bulk input is counted")
    func input() throws {
        let server = try ServerProcess.start(.a2)
        #expect(try console(server, ["-x", "SET", "k"], input: "a\nb").output == "OK\n")
        #expect(try console(server, ["--json", "GET", "k"]).output == "\"a\\nb\"\n")
        #expect(try console(server, ["-X", "T", "SET", "T", "v"], input: "name").output == "OK\n")
        #expect(try console(server, ["GET", "name"]).output == "v\n")
        let bulk = (0..<20_000).map { "SET key:\($0) \($0)\r\n" }.joined() + "INCR name\r\n"
        let piped = try console(server, ["--pipe"], input: bulk)
        #expect(piped.output.hasSuffix("errors: 1, replies: 20001\n"))
        #expect(piped.exit == .exited(1))
        #expect(try console(server, ["--scan", "--pattern", "key:1999?"]).output.split(separator: "\n").count == 10)
        #expect(try console(server, ["--bigkeys"]).output.contains("Sampled 20002 keys"))
        #expect(try console(server, ["--memkeys", "--json"]).output.contains("\"keys\":20002"))
        #expect(try console(server, ["-r", "3", "-i", "1ms", "INCR", "n"]).output == "1\n2\n3\n")
        #expect(try console(server, ["--stat", "-r", "2", "-i", "1ms"]).output.contains("(+1)"))
        #expect(try console(server, ["--latency", "-i", "50ms"]).output.split(separator: " ").count == 4)
    }

    @Test("Arguments in quotes are bytes where asked for, and flags that exclude each other are refused")
    func flags() throws {
        let server = try ServerProcess.start(.a2)
        #expect(try console(server, ["--quoted-input", "SET", #""\x00k""#, "'v w'"]).output == "OK\n")
        #expect(try console(server, ["--quoted-input", "--json", "GET", #""\x00k""#]).output == "\"v w\"\n")
        #expect(try console(server, ["--quoted-input", "--scan", "--pattern", #""\x00*""#]).output == "\0k\n")
        #expect(try console(server, ["GET", #""\x00k""#]).output == "\n")
        #expect(try console(server, ["--quoted-input", "GET", "a b"]).exit == .exited(2))
        #expect(try console(server, ["-e", "-4", "-t", "2s", "PING"]).output == "PONG\n")
        // The server listens on 127.0.0.1 alone: the other family is only preferred.
        #expect(try console(server, ["-6", "-h", "localhost", "PING"]).output == "PONG\n")
        for pair in [["-4", "-6"], ["-2", "-3"], ["-e", "--no-fail"], ["--scan", "--stat"], ["-t", "0"]] {
            #expect(try console(server, pair + (pair[0] == "--scan" ? [] : ["PING"])).exit == .exited(2), "\(pair)")
        }
    }

    @Test("Latencies come by the window, and the keys used most are found where the server counts")
    func watching() throws {
        let server = try ServerProcess.start(
            .a2, ServerProcess.Options(settings: [("maxmemory-policy", "allkeys-lfu")]))
        let client = try server.connect()
        for key in ["cold", "hot"] { _ = try client.call("SET", key, "1") }
        for _ in 0..<2000 { _ = try client.call("GET", "hot") }
        let hot = try console(server, ["--hotkeys", "--json"])
        #expect(hot.exit == .exited(0) && hot.output.contains("\"largest_key\":\"hot\""), "\(hot)")
        #expect(try console(server, ["--hotkeys"]).output.contains("Largest string: \"hot\" with "))
        let other = try ServerProcess.start(.a2)
        _ = try other.connect().call("SET", "key", "1")
        let refused = try console(other, ["--hotkeys"])
        #expect(refused.exit == .exited(1) && refused.output.contains("LFU maxmemory policy"), "\(refused)")

        let history = try console(server, ["--latency-history", "-i", "50ms", "-r", "2"])
        let lines = history.output.split(separator: "\n")
        #expect(history.exit == .exited(0) && lines.count == 2, "\(history)")
        for line in lines {
            #expect(line.hasPrefix("min: ") && line.hasSuffix(" seconds range") && line.contains("samples) -- 0.0"))
        }
    }

    @Test("Nodes have names, and one command goes to all of them")
    func nodes() throws {
        let (first, second) = (try ServerProcess.start(.a2), try ServerProcess.start(.a2))
        let folder = try TemporaryDirectory()
        let path = try folder.write(
            "[console.nodes]\nnyc = \"127.0.0.1:\(first.port)\"\nlon = \"redis://127.0.0.1:\(second.port)/2\"\n",
            to: "a2.toml")
        let environment = ["A2_CONFIG": path, "A2_CONSOLE_HISTORY": ""]
        func run(_ arguments: [String]) throws -> String {
            try ChildProcess.run(try TestEnvironment.a2Binary(), ["console"] + arguments, environment: environment)
                .output
        }
        #expect(try run(["lon", "SET", "k", "london"]) == "OK\n")
        #expect(try run(["nyc", "SET", "k", "york"]) == "OK\n")
        #expect(try run(["-c", "@lon GET k"]) == "london\n")
        #expect(try run(["-c", "@all GET k"]) == "nyc:\nyork\nlon:\nlondon\n")
        #expect(try run(["--json", "-c", "@all GET k"]) == "{\"nyc\":\"york\",\"lon\":\"london\"}\n")
        #expect(try run(["-c", "@par GET k"]).contains("there is no node 'par'; known: nyc, lon"))
    }
}
