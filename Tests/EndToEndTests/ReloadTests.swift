/// The configuration of a running server: read again on SIGHUP, written back by CONFIG REWRITE.
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Reloading {
        private func value(_ name: String, _ client: RESPClient) throws -> String? {
            try client.call("CONFIG", "GET", name).elements?.last?.string
        }

        @Test("SIGHUP takes over what changed, tells what must wait, and leaves what CONFIG SET said")
        func reload() throws {
            let server = try OperatedServer.serving(configuration: "maxclients = 50\nhz = 10\ndatabases = 16\n")
            let client = try server.connect()
            #expect(try client.call("CONFIG", "SET", "timeout", "77") == .ok)
            try server.reload("maxclients = 3\nhz = 20\ndatabases = 4\nlog-level = \"debug\"\n")
            #expect(try value("maxclients", client) == "3")
            #expect(try value("hz", client) == "20")
            #expect(try value("databases", client) == "16")
            #expect(try value("timeout", client) == "77")
            let told = try #require(server.lines("configuration reloaded").first)
            for change in ["maxclients=3", "hz=20", "log-level=debug"] { #expect(told.contains(change), "\(told)") }
            #expect(!told.contains("databases"))
            #expect(server.lines("next start").first?.hasSuffix("options=databases") == true, "\(server.log)")
            // Loops hear of it after the settings have changed.
            var others: [RESPClient] = []
            let isFull = try poll(forSeconds: 10) {
                let other = try server.connect()
                others.append(other)
                // Turned away before it has asked, it may also find the connection reset.
                return (try? other.call("PING")) != .simple(bytes("PONG"))
            }
            #expect(isFull)
            #expect(others.count <= 4)
        }

        @Test("SIGHUP with a broken file keeps everything as it was, and says where it is broken")
        func broken() throws {
            let server = try OperatedServer.serving(configuration: "maxclients = 50\n")
            let client = try server.connect()
            for (text, place) in [
                ("maxclients = 60\nnonsense = 1\n", "a2.toml:2:1"), ("maxclients = \n", "a2.toml:1"),
                ("maxclients = 70\npassword-file = \"\(server.directory.file("none"))\"\n", "none: cannot be read"),
            ] {
                try server.reload(text, says: "not reloaded")
                #expect(try value("maxclients", client) == "50")
                #expect(server.lines("not reloaded").last?.contains(place) == true, "\(server.log)")
            }
            try server.reload("maxclients = 60\n")
            #expect(try value("maxclients", client) == "60")
        }

        @Test("The password file is read again; its password outlives CONFIG SET of other things")
        func passwordFile() throws {
            let directory = try TemporaryDirectory()
            let file = try directory.write("first\n", to: "password")
            let server = try OperatedServer.serving(
                configuration: "password-file = \"\(file)\"\n", in: directory)
            let old = try server.connect()
            #expect(try old.call("PING").string?.hasPrefix("NOAUTH") == true)
            #expect(try old.call("AUTH", "first") == .ok)
            #expect(try old.call("CONFIG", "SET", "hz", "30", "maxclients", "40") == .ok)
            #expect(try server.connect().call("AUTH", "first") == .ok)

            _ = try directory.write("second\n", to: "password")
            try server.reload()
            let new = try server.connect()
            #expect(try new.call("AUTH", "first").string?.hasPrefix("WRONGPASS") == true)
            #expect(try new.call("AUTH", "second") == .ok)
            #expect(try old.call("PING") == .simple(bytes("PONG")), "who is in stays in")

            #expect(try new.call("CONFIG", "SET", "requirepass", "third") == .ok)
            try server.reload()
            #expect(try server.connect().call("AUTH", "third") == .ok)
            #expect(!server.log.contains("second") && !server.log.contains("third"), "a secret in the log")
        }

        @Test("CONFIG REWRITE writes what CONFIG SET changed, and a restart reads it back")
        func rewrite() throws {
            let directory = try TemporaryDirectory()
            let secret = try directory.write("s3cret\n", to: "password")
            let text =
                "# Mine.\nmaxclients = 50 # enough\nrequirepass = \"\"\n[security]\npassword-file = \"\(secret)\"\n"
            let server = try OperatedServer.serving(configuration: text, in: directory)
            let client = try server.connect()
            #expect(try client.call("AUTH", "s3cret") == .ok)
            #expect(try client.call("CONFIG", "SET", "maxclients", "60", "timeout", "90") == .ok)
            #expect(try client.call("CONFIG", "REWRITE") == .ok)
            let expected =
                text.replacingOccurrences(of: "= 50 #", with: "= 60 #") + "\n[network]\ntimeout = 90\n"
            #expect(server.configuration == expected)
            // In a transaction its answer keeps its place.
            for command in [["MULTI"], ["SET", "k", "v"], ["CONFIG", "REWRITE"], ["GET", "k"]] {
                _ = try client.call(bytes: command.map(bytes))
            }
            #expect(try client.call("EXEC") == .array([.ok, .ok, .text("v")]))
            #expect(server.end() == .exited(0))

            let again = try OperatedServer.serving(configuration: server.configuration, in: directory)
            let reader = try again.connect()
            #expect(try reader.call("AUTH", "s3cret") == .ok)
            #expect(try value("maxclients", reader) == "60")
            #expect(try value("timeout", reader) == "90")
        }

        @Test("CONFIG REWRITE without a file says what Redis says; a file that cannot be written is told")
        func rewriteRefused() throws {
            let (server, redis) = (try OperatedServer.serving(), try ServerProcess.start(.redis))
            let (plain, oracle) = (try server.connect(), try redis.connect())
            let expected = try oracle.call("CONFIG", "REWRITE")
            #expect(try plain.call("CONFIG", "REWRITE") == expected)
            let filed = try OperatedServer.serving(configuration: "maxclients = 50\n")
            try FileManager.default.removeItem(atPath: filed.directory.file("a2.toml"))
            let reply = try filed.connect().call("CONFIG", "REWRITE")
            #expect(reply.string?.hasPrefix("ERR Rewriting config file: ") == true, "\(reply)")
        }

        @Test("More clients than the system has descriptors for: refused by CONFIG SET, as Redis refuses it")
        func descriptors() throws {
            let server = try OperatedServer.serving()
            let client = try server.connect()
            let reply = try client.call("CONFIG", "SET", "maxclients", "4000000000")
            #expect(
                reply.string?.hasPrefix(
                    "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not "
                        + "able to handle the specified number of clients, try with ") == true, "\(reply)")
            #expect(try value("maxclients", client) == "10000")
        }
    }
}
