/// The clients people use: redis-cli, redis-benchmark, redis-py.
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct ClientPrograms {
        private func cli(_ server: ServerProcess, _ arguments: [String], input: String = "") throws -> (
            exit: ChildProcess.Exit, output: String
        ) {
            try ChildProcess.run(
                TestEnvironment.program("redis-cli"), ["-p", "\(server.port)"] + arguments, input: input,
                environment: ["HOME": "/nonexistent"])
        }

        @Test("redis-cli prints the same for this server as for redis-server")
        func sameOutput() throws {
            let pair = try ServerPair()
            let calls: [([String], String)] = [
                (["SET", "k", "v"], ""), (["GET", "k"], ""), (["-3", "GET", "k"], ""), (["-3", "GET", "none"], ""),
                (["GET", "none"], ""), (["--json", "GET", "k"], ""), (["--json", "MGET", "k", "none"], ""),
                (["--json", "LCS", "k", "k", "IDX"], ""), (["--no-raw", "MGET", "k", "none"], ""),
                (["--no-raw", "INCR", "k"], ""), (["--csv", "MGET", "k", "none"], ""), (["-n", "3", "DBSIZE"], ""),
                (["-x", "SET", "piped"], "piped value"), (["--raw", "GET", "piped"], ""), (["-e", "NOSUCH"], ""),
                ([], "SET a 1\nMULTI\nINCR a\nGET a\nEXEC\nGET a\nDISCARD\nNOSUCH\n"), (["-r", "3", "INCR", "n"], ""),
                (["--no-raw", "SET", "a\\x00b", "c"], ""), (["--quoted-input", "GET", "\"a\\x00b\""], ""),
                (["--scan", "--pattern", "k*"], ""), (["EXISTS", "k", "piped", "none"], ""),
                (["--pipe"], "SET p1 v\r\nSET p2 v\r\n"),
            ]
            for (arguments, input) in calls {
                let expected = try cli(pair.oracle, arguments, input: input)
                let actual = try cli(pair.subject, arguments, input: input)
                #expect(actual.exit == expected.exit, "\(arguments)")
                #expect(actual.output == expected.output, "\(arguments)")
            }
        }

        @Test("redis-cli takes its hints and help from COMMAND DOCS", arguments: ["-2", "-3"])
        func help(version: String) throws {
            let server = try startSubject()
            // It builds its help from the reply and ends itself on a reply of types it does not expect.
            for topic in ["@string", "@generic", "@connection", "@transactions", "SET", "getrange"] {
                let result = try cli(server, [version, "help", topic])
                #expect(result.exit == .exited(0), "help \(topic): \(result.output)")
                #expect(result.output.contains("summary:"), "help \(topic): \(result.output)")
            }
            let interactive = try cli(server, [version], input: "help set\nhelp @string\nSET k v\nGET k\n")
            #expect(interactive.exit == .exited(0), "\(interactive.output)")
            let docs = try cli(server, [version, "COMMAND", "DOCS"])
            #expect(docs.exit == .exited(0))
            #expect(docs.output.contains("summary"))
        }

        @Test("redis-cli's own reports work")
        func reports() throws {
            let server = try startSubject()
            let client = try server.connect()
            for number in 0..<100 { _ = try client.call("SET", "k\(number)", String(repeating: "x", count: number)) }
            for arguments in [["--bigkeys"], ["--memkeys"], ["INFO"], ["CLIENT", "LIST"], ["--json", "INFO"]] {
                let result = try cli(server, arguments)
                #expect(result.exit == .exited(0), "\(arguments): \(result.output)")
                #expect(!result.output.isEmpty)
            }
            #expect(try cli(server, ["--bigkeys"]).output.contains("Sampled 100 keys"))
            #expect(Set(try cli(server, ["--scan"]).output.split(separator: "\n")).count == 100)
        }

        @Test("redis-benchmark runs to its end", arguments: [1, 16])
        func benchmark(pipeline: Int) throws {
            let server = try startSubject()
            let result = try ChildProcess.run(
                TestEnvironment.program("redis-benchmark"),
                [
                    "-p", "\(server.port)", "-n", "5000", "-c", "20", "-P", "\(pipeline)", "-r", "1000", "-q", "-t",
                    "ping_inline,ping_mbulk,set,get,incr,mset",
                ])
            #expect(result.exit == .exited(0), "\(result.output)")
            #expect(result.output.components(separatedBy: "requests per second").count - 1 == 6, "\(result.output)")
            #expect(!result.output.contains("Error"), "\(result.output)")
        }

        @Test("redis-py works in both protocols, pipelined, in transactions and with WATCH", arguments: [2, 3])
        func redisPython(protocolVersion: Int) throws {
            let server = try startSubject()
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
                "clients.py")
            let result = try ChildProcess.run(
                TestEnvironment.pythonWithRedis(), [script.path, "\(server.port)", "\(protocolVersion)"])
            #expect(result.exit == .exited(0), "\(result.output)")
            #expect(result.output.hasSuffix("all well\n"), "\(result.output)")
        }
    }
}
