/// How a server starts, ends, logs, and speaks to its service manager.
import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Operating {
        @Test("Exit statuses: 0 and 6 for --check-config, 6 for a bad configuration, 3 for a port in use")
        func exitStatuses() throws {
            let a2 = try TestEnvironment.a2Binary()
            let directory = try TemporaryDirectory()
            let good = try directory.write("port = 7000\n", to: "good.toml")
            let bad = try directory.write("port = \"many\"\n", to: "bad.toml")
            let checked = try ChildProcess.run(a2, ["serve", "--config", good, "--check-config"])
            #expect(checked.exit == .exited(0) && checked.output.contains("port = 7000"))
            for arguments in [["--check-config"], []] {
                let refused = try ChildProcess.run(a2, ["serve", "--config", bad] + arguments)
                #expect(refused.exit == .exited(6) && refused.output.contains("bad.toml:1:1"), "\(refused)")
            }
            let noLog = try ChildProcess.run(a2, ["serve", "--log-file", directory.file("no/such/folder")])
            #expect(noLog.exit == .exited(6) && noLog.output.contains("log-file"), "\(noLog)")
            let missing = ["serve", "--password-file", directory.file("none")]
            #expect(try ChildProcess.run(a2, missing).exit == .exited(6))
            #expect(try ChildProcess.run(a2, missing + ["--check-config"]).exit == .exited(6))
            let holder = try OperatedServer.serving()
            let second = try ChildProcess.run(a2, ["serve", "--ephemeral", "--port", "\(holder.port)"])
            #expect(second.exit == .exited(3) && second.output.contains("Address already in use"), "\(second)")
        }

        @Test("With few open files allowed a start lowers maxclients and says so; with too few it ends")
        func openFiles() throws {
            let a2 = try TestEnvironment.a2Binary()
            // Root may raise any limit, unless it is told that it may not.
            let bounds = getuid() == 0 ? "exec setpriv --bounding-set=-sys_resource" : "exec"
            func arguments(_ limit: Int, _ port: Int) -> [String] {
                let serve = "serve --ephemeral --threads 2 --port \(port)"
                return ["-c", "ulimit -n \(limit); \(bounds) '\(a2)' \(serve)"]
            }
            let refused = try ChildProcess.run("/bin/sh", arguments(36, try ServerProcess.freePort()))
            #expect(refused.exit == .exited(6) && refused.output.contains("ulimit -n"), "\(refused)")
            let directory = try TemporaryDirectory()
            let port = try ServerProcess.freePort()
            let server = try ChildProcess("/bin/sh", arguments(100, port), outputPath: directory.file("log"))
            #expect(poll(forSeconds: 20) { server.output.contains("serving") }, "\(server.output)")
            #expect(server.output.contains("maxclients reduced") && server.output.contains("open-files=100"))
            let reply = try RESPClient(port: port).call("CONFIG", "GET", "maxclients")
            #expect(reply.elements?.last == .text("64"))
            server.signal(SIGTERM)
            #expect(server.waitForExit(seconds: 10) == .exited(0))
        }

        @Test("A window of any size that is allowed serves")
        func windowSizes() throws {
            for size in ["1mb", "3000000", "100mb"] {
                let server = try OperatedServer.serving(["--window-bytes", size])
                #expect(try server.connect().call("SET", "key", "value") == .ok, "\(size)")
            }
        }

        @Test("SIGUSR1 follows a log file that was moved away")
        func reopen() throws {
            let directory = try TemporaryDirectory()
            let path = directory.file("a2.log")
            func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
            let server = try OperatedServer(["--log-file", path], in: directory)
            #expect(poll(forSeconds: 20) { text(path).contains("serving") })
            try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
            server.process.signal(SIGUSR1)
            #expect(poll(forSeconds: 10) { text(path).contains("log file reopened") })
            #expect(server.end() == .exited(0))
            #expect(text(path).contains("stopped") && !text(path + ".1").contains("stopped"))
        }

        @Test("systemd hears READY, RELOADING, WATCHDOG and STOPPING, each when it is so")
        func notify() throws {
            let directory = try TemporaryDirectory()
            let manager = try NotifySocket(in: directory)
            let server = try OperatedServer.serving(
                configuration: "hz = 10\n",
                environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"], in: directory)
            #expect(manager.hears("READY=1"))
            #expect(manager.hears("WATCHDOG=1", count: 5))
            let clock = ContinuousClock.now
            #expect(manager.hears("WATCHDOG=1", count: manager.messages.count + 5))
            #expect(ContinuousClock.now - clock >= .milliseconds(300), "at half the interval, not faster")
            server.process.signal(SIGHUP)
            #expect(manager.hears("READY=1", count: 2))
            let order = manager.messages.filter { !$0.contains("WATCHDOG") }
            #expect(order.count == 3 && order[1].hasPrefix("RELOADING=1\nMONOTONIC_USEC="), "\(order)")
            server.process.signal(SIGTERM)
            #expect(manager.hears("STOPPING=1"))
            #expect(server.process.waitForExit(seconds: 10) == .exited(0))
        }

        @Test("Bound to more than the loopback, a start without a password warns; with one it does not")
        func exposure() throws {
            let open = try OperatedServer.serving(["--bind", "0.0.0.0"])
            #expect(open.lines("protected mode refuses").first?.contains("password-file") == true, "\(open.log)")
            let unprotected = try OperatedServer.serving(["--bind", "0.0.0.0", "--protected-mode", "no"])
            #expect(unprotected.lines("protected mode is off").count == 1, "\(unprotected.log)")
            let guarded = try OperatedServer.serving(["--bind", "0.0.0.0", "--requirepass", "x"])
            let local = try OperatedServer.serving()
            // Warnings come before the line that it serves.
            for quiet in [guarded, local] { #expect(quiet.lines("protected mode").isEmpty, "\(quiet.log)") }
        }

        @Test("JSON log lines: start, refused connections in few lines, a full memory, the end")
        func log() throws {
            let server = try OperatedServer.serving(
                ["--log-format", "json", "--maxclients", "5", "--maxmemory", "1", "--log-level", "info"])
            let clients = try (0..<5).map { _ in try server.connect() }
            for client in clients { _ = try client.call("PING") }
            for _ in 0..<50 { _ = try server.connect().receiveToEnd() }
            _ = try clients[0].call("SET", "k", "v")
            for _ in 0..<20 {
                #expect(try clients[0].call("SET", "k", "v").string?.hasPrefix("OOM") == true)
            }
            try server.waitForLog("memory is full")
            #expect(throws: RESPClient.Failure.self) { try clients[0].call("SHUTDOWN") }
            #expect(server.process.waitForExit(seconds: 10) == .exited(0))
            var messages: [String: [String: Any]] = [:]
            for line in server.log.split(separator: "\n") {
                let object = try #require(
                    JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
                messages[try #require(object["message"] as? String)] = object
            }
            #expect(messages["serving"]?["pid"] as? Int == Int(server.process.identifier))
            #expect(messages["serving"]?["maxmemory"] as? Int == 1)
            #expect(messages["serving"]?["threads"] as? Int == 2)
            #expect((messages["serving"]?["addresses"] as? String)?.contains("127.0.0.1:\(server.port)") == true)
            #expect(messages["serving"]?["version"] as? String != nil)
            #expect(messages["connection refused"]?["maxclients"] as? Int == 5)
            #expect(server.lines("connection refused").count < 5)
            #expect(server.lines("memory is full").count == 1)
            let reason = messages["shutting down"]?["reason"] as? String
            #expect(reason == "SHUTDOWN by client 127.0.0.1:\(clients[0].localPort)")
            #expect(messages["stopped"]?["duration-ms"] as? Int != nil)
        }

        @Test("INFO's readings of the process are read: sends, buffers, the accepting thread, the port, avg_ttl")
        func readings() throws {
            let server = try OperatedServer.serving(["--threads", "1"])
            let client = try server.connect()
            for number in 0..<200 { _ = try client.call("SET", "k\(number)", "v", "PX", "1000000") }
            _ = try client.call("SELECT", "1")
            for number in 0..<200 { _ = try client.call("SET", "k\(number)", "v", "PX", "2000000") }
            func field(_ name: String) throws -> Int {
                let text = try client.call("INFO", "everything").string ?? ""
                let line = text.split(separator: "\r\n").first { $0.hasPrefix(name + ":") }
                let value = line.flatMap { $0.split(separator: ":").last } ?? ""
                return Int(Double(value) ?? -1)
            }
            #expect(try field("tcp_port") == server.port)
            #expect(try field("total_reads_processed") >= 400)
            #expect(try field("total_writes_processed") >= 400)
            #expect(try poll(forSeconds: 10) { try field("mem_clients_normal") > 0 })
            #expect(try poll(forSeconds: 10) { try field("client_recent_max_input_buffer") > 0 })
            let cpu = try poll(forSeconds: 10) {
                let text = try client.call("INFO", "cpu").string ?? ""
                return text.contains("used_cpu_user_main_thread:") && !text.contains("user_main_thread:0.000000")
            }
            #expect(cpu)
            func averages() throws -> [Int] {
                let text = try client.call("INFO", "keyspace").string ?? ""
                return text.split(separator: "\r\n").compactMap { $0.split(separator: "avg_ttl=").dropFirst().last }
                    .compactMap { Int($0) }
            }
            let isEstimated = try poll(forSeconds: 10) {
                let averages = try averages()
                return averages.count == 2 && 900_000...1_000_000 ~= averages[0]
                    && 1_900_000...2_000_000 ~= averages[1]
            }
            let last = try averages()
            #expect(isEstimated, "\(last)")
        }
    }
}
