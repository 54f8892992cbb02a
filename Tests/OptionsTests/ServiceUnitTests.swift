/// The unit that systemd is to run a2 with.
import Glibc
import Testing

@testable import Options

@Suite struct ServiceUnitTests {
    private func unit(_ words: [String], executable: String = "/bin/sh") throws -> String {
        try ServiceUnit.text(executable: executable, flags: Arguments(["serve"] + words).options)
    }

    private func command(_ words: [String]) throws -> String? {
        try unit(words).split(separator: "\n").first { $0.hasPrefix("ExecStart=") }.map { String($0.dropFirst(10)) }
    }

    @Test("The flags beside it are those of the service, quoted as systemd reads them")
    func flags() throws {
        #expect(try command([]) == "/bin/sh serve")
        #expect(
            try command(["--port", "7000", "--bind", "10.0.0.1 ::1", "--no-protected-mode", "--ephemeral"])
                == "/bin/sh serve --port=7000 \"--bind=10.0.0.1 ::1\" --no-protected-mode --ephemeral=yes")
        #expect(try command(["--name", "a\"$b\\;"]) == "/bin/sh serve \"--name=a\\\"$$b\\\\;\"")
        #expect(try command(["--password-file", "%d/password"]) == "/bin/sh serve --password-file=%d/password")
    }

    @Test("Secrets and paths that depend on a directory have no place in a unit")
    func refusals() {
        let secret = #expect(throws: UsageError.self) { try unit(["--requirepass", "x"]) }
        #expect(secret?.description.contains("--password-file") == true)
        let path = #expect(throws: UsageError.self) { try unit(["--config", "a2.toml"]) }
        #expect(path?.description == "a unit needs the whole path: --config=/...")
    }

    @Test("systemd, where it is, understands every line")
    func verify() throws {
        let path = "/tmp/a2-unit-\(getpid()).service"
        let file = try #require(fopen(path, "w"))
        fputs(try unit(["--bind", "10.0.0.1 ::1", "--name", "a b"]), file)
        fclose(file)
        defer { unlink(path) }
        // It says what it does not understand, and succeeds.
        let check = "test -z \"$(systemd-analyze verify --man=no \(path) 2>&1 | tee /dev/stderr)\""
        #expect(system("command -v systemd-analyze >/dev/null || exit 0; \(check)") == 0)
    }
}
