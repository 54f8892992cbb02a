/// What the settings say about peers: what is refused and in which words, and where a node listens for them.
import Options
import Replication
import TestSupport
import Testing

@testable import Server

@Suite struct PeerOptionsTests {
    private let directory: TemporaryDirectory
    private let secret: String

    init() throws {
        directory = try TemporaryDirectory()
        secret = try directory.write("0123456789abcdef\nmore\n", to: "secret")
    }

    private func options(_ flags: String...) throws(SettingsError) -> PeerOptions {
        let arguments: Arguments
        do { arguments = try Arguments(["serve"] + flags) } catch {
            throw SettingsError(place: "flags", message: error.description)
        }
        return try PeerOptions(try Settings.load(flags: arguments.options, environment: [:], file: nil).settings)
    }

    private func refusal(_ flags: String...) -> String {
        do throws(SettingsError) {
            let arguments = (try? Arguments(["serve"] + flags))?.options ?? []
            _ = try PeerOptions(try Settings.load(flags: arguments, environment: [:], file: nil).settings)
            return "accepted"
        } catch {
            return error.description
        }
    }

    @Test("Peers of this machine need nothing; lists may be repeated; ports have a default")
    func inside() throws {
        let options = try options(
            "--peer", "127.0.0.1:7001,[::1]:7002", "--peer", "localhost", "--peer-port", "0", "--stability-timeout",
            "60", "--peer-buffer-bytes", "2mb", "--repair-interval", "5")
        #expect(options.seeds.map(\.description) == ["127.0.0.1:7001", "[::1]:7002", "localhost:16379"])
        #expect(options.port == 0 && options.bufferBytes == 2 << 20 && !options.allowsOutside)
        #expect(options.stabilityTimeoutSeconds == 60 && options.repairIntervalSeconds == 5)
        #expect(options.addresses == ["127.0.0.1", "-::1"])
    }

    @Test("Another machine needs a secret and a word about plaintext; the refusal says what is missing")
    func outside() throws {
        let both =
            "--peer: peer 10.0.0.2:16379 is another machine: add --peer-secret-file FILE (a secret that all nodes "
            + "share) and --peer-plaintext (links are not encrypted, so the network must be trusted)"
        #expect(refusal("--peer", "10.0.0.2") == both)
        #expect(
            refusal("--peer", "127.0.0.1", "--peer", "10.0.0.2", "--peer-secret-file", secret)
                == both.replacing("--peer-secret-file FILE (a secret that all nodes share) and ", with: ""))
        #expect(
            refusal("--peer", "db.example:1", "--peer-plaintext")
                == "--peer: peer db.example:1 is another machine: add --peer-secret-file FILE (a secret that all nodes share)"
        )
        #expect(
            refusal("--advertise", "10.0.0.1").hasPrefix("--advertise: advertise 10.0.0.1:16379 is another machine"))
        // A name that only looks like a number of this machine.
        #expect(refusal("--peer", "127.example.org").contains("is another machine"))
        let allowed = try options("--peer", "10.0.0.2", "--peer-secret-file", secret, "--peer-plaintext")
        #expect(allowed.allowsOutside && allowed.secret == Array("0123456789abcdef".utf8))
    }

    @Test("A secret must be readable, not empty, and long enough; one that everybody reads is warned of")
    func secrets() throws {
        let missing = directory.file("none")
        #expect(
            refusal("--peer-secret-file", missing)
                == "\(missing): the peer secret cannot be read: No such file or directory")
        let empty = try directory.write("\nsecond line is none\n", to: "empty")
        #expect(
            refusal("--peer-secret-file", empty)
                == "\(empty): its first line must be the secret that all nodes share")
        let short = try directory.write("0123456789abcde\r\n", to: "short")
        #expect(
            refusal("--peer-secret-file", short)
                == "\(short): the peer secret has 15 bytes, at least 16 are needed; make one with: openssl rand -hex 32"
        )
        #expect(try ChildProcess.run("/bin/chmod", ["604", secret]).exit == .exited(0))
        #expect(try options("--peer-secret-file", secret).warnings.count == 1)
        #expect(try ChildProcess.run("/bin/chmod", ["640", secret]).exit == .exited(0))
        #expect(try options("--peer-secret-file", secret).warnings.isEmpty)
    }

    @Test("Addresses that are none are refused where they stand")
    func malformed() {
        #expect(refusal("--peer", "::1").hasPrefix("--peer: peer: '::1' has more than one ':'"))
        #expect(refusal("--peer", "127.0.0.1:0").hasPrefix("--peer: peer: '0' is no port"))
        #expect(refusal("--advertise", "127.0.0.1:x").hasPrefix("--advertise: advertise: 'x' is no port"))
        #expect(refusal("--peer-buffer-bytes", "1000").contains("must be between 1048576"))
    }

    @Test("Nobody outside is listened to without consent, whatever clients are served on")
    func listening() throws {
        let consent = ["--peer-secret-file", secret, "--peer-plaintext"]
        func addresses(_ flags: [String]) throws -> [String] {
            let arguments = try Arguments(["serve"] + flags)
            return try PeerOptions(
                try Settings.load(flags: arguments.options, environment: [:], file: nil).settings
            ).addresses
        }
        #expect(try addresses(["--bind", "*"]) == ["127.0.0.1", "-::1"])
        #expect(try addresses(["--bind", "127.0.0.2 10.0.0.1"]) == ["127.0.0.2"])
        #expect(try addresses(["--bind", "10.0.0.1"] + consent) == ["10.0.0.1"])
        #expect(try addresses(consent) == ["127.0.0.1", "-::1"])
        #expect(try addresses(consent + ["--peer", "10.0.0.2"]) == ["*", "-::*"])
        #expect(try addresses(consent + ["--bind", "10.0.0.1 127.0.0.1"]) == ["10.0.0.1", "127.0.0.1"])
    }

    @Test("What others are told to dial")
    func advertised() throws {
        let plain = try options()
        #expect(plain.advertised(listeners: ["127.0.0.1:7", "[::1]:7"])?.description == "127.0.0.1:7")
        #expect(plain.advertised(listeners: ["127.0.0.1:7", "10.0.0.1:7"])?.description == "10.0.0.1:7")
        #expect(plain.advertised(listeners: ["0.0.0.0:7"])?.port == 7)
        #expect(plain.advertised(listeners: ["0.0.0.0:7"])?.host != "0.0.0.0")
        #expect(plain.advertised(listeners: []) == nil)
        let given = try options("--advertise", "localhost:99")
        #expect(given.advertised(listeners: ["10.0.0.1:7"])?.description == "localhost:99")
    }
}
