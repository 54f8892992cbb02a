/// The peer port of a running node: refusals at the start, who is let in, and how it ends.
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct PeerPort {
        private func run(_ arguments: [String]) throws -> (exit: ChildProcess.Exit, output: String) {
            let directory = try TemporaryDirectory()
            let result = try ChildProcess.run(
                try TestEnvironment.a2Binary(), ["serve", "--ephemeral", "--port", "0"] + arguments,
                environment: ["XDG_CONFIG_HOME": directory.path])
            return (result.exit, result.output)
        }

        @Test("Another machine is not linked with by accident: serve and --check-config refuse and say what to add")
        func refusal() throws {
            for extra in [[], ["--check-config"]] {
                let result = try run(["--peer-port", "0", "--peer", "10.1.2.3:16379"] + extra)
                #expect(result.exit == .exited(6))
                #expect(result.output.contains("peer 10.1.2.3:16379 is another machine"), "\(result.output)")
                #expect(result.output.contains("--peer-secret-file FILE"))
                #expect(result.output.contains("--peer-plaintext"))
            }
        }

        @Test("--check-config shows the peers' settings with their sources, and warns of an open secret")
        func checked() throws {
            let directory = try TemporaryDirectory()
            let secret = try directory.write("a secret of many bytes\n", to: "secret")
            #expect(chmod(secret, 0o644) == 0)
            let result = try run([
                "--check-config", "--peer", "10.1.2.3", "--peer", "[::1]:7", "--peer-secret-file", secret,
                "--peer-plaintext", "--repair-interval", "7",
            ])
            #expect(result.exit == .exited(0), "\(result.output)")
            #expect(result.output.contains("can be read by everybody"))
            for (key, value) in [
                ("peer", "[\"10.1.2.3\", \"[::1]:7\"]"), ("repair-interval", "7"), ("peer-plaintext", "true"),
                ("peer-secret-file", "\"\(secret)\""),
            ] {
                let line = result.output.split(separator: "\n").first { $0.hasPrefix("\(key) = \(value)") }
                #expect(line?.hasSuffix("# --\(key)") == true, "\(key): \(result.output)")
            }
            #expect(result.output.contains("[peers]"))
        }

        @Test("A peer port that is taken is an error that names --peer-port")
        func taken() throws {
            let first = try OperatedServer.serving(["--peer-port", "0"])
            let port = try #require(try info(first, "a2_peer_port"))
            #expect(Int(port) ?? 0 > 0)
            let result = try run(["--peer-port", port])
            #expect(result.exit == .exited(3))
            let expected =
                "cannot listen on 127.0.0.1:\(port) for peers (--peer-port N chooses another port, 0 lets the system "
                + "choose): Address already in use"
            #expect(result.output.contains(expected), "\(result.output)")
        }

        private func info(_ server: OperatedServer, _ field: String) throws -> String? {
            let text = try server.connect().call("INFO", "everything").string ?? ""
            let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(field + ":") }
            return line.map { String($0.dropFirst(field.count + 1)) }
        }

        @Test("SIGTERM ends a node soon, also while strangers hold its peer port")
        func termination() throws {
            let server = try OperatedServer.serving()
            let port = try #require(try info(server, "a2_peer_port").flatMap { Int($0) })
            let stranger = try RESPClient(port: port)
            // Neither a client nor a peer: whatever it says does no harm.
            stranger.enqueue(raw: Array("GET / HTTP/1.1\r\n\r\n".utf8))
            try? stranger.flush()
            var exit: ChildProcess.Exit?
            let taken = secondsTaken { exit = server.end() }
            #expect(exit == .exited(0))
            #expect(taken < 4)
            #expect(!server.log.contains("clients-cut-off=1"))
        }
    }
}
