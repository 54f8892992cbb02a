/// Log lines: formats, levels, reopening, lines of several threads.
import Glibc
import OS
import Options
import Testing

@testable import Server

@Suite struct LoggerTests {
    private func line(_ format: LogFormat, _ message: String, _ fields: KeyValuePairs<String, LogField>) -> String {
        String(
            decoding: LogLine.text(
                level: .notice, message: message, fields: fields, format: format,
                wallMicroseconds: 1_790_847_000_123_456),
            as: UTF8.self)
    }

    @Test("Each format says the same, on one line whatever is said")
    func formats() {
        let fields: KeyValuePairs<String, LogField> = [
            "peer": "ams 1", "port": 6379, "up": true, "name": "a\"\u{1B}[31m\n",
        ]
        #expect(
            line(.pretty(colour: false), "one\ntwo", fields)
                == #"2026-10-01T09:30:00.123Z notice  one\ntwo peer="ams 1" port=6379 up=true name="a\"\u001b[31m\n""#
                + "\n")
        #expect(line(.plain, "hello", ["n": "x"]) == "<5>hello n=x\n")
        let json = line(.json, "say \"x\"", fields)
        guard case .table(let members)? = try? JSONReader.read(json) else {
            Issue.record("not JSON: \(json)")
            return
        }
        #expect(members.map { $0.path[0] } == ["time", "level", "message", "peer", "port", "up", "name"])
        #expect(members[4].value == .integer(6379) && members[5].value == .boolean(true))
        #expect(members[6].value == .string("a\"\u{1B}[31m\n"))
        #expect(line(.pretty(colour: true), "x", [:]).contains("\u{1B}[32mnotice"))
    }

    @Test(
        "Timestamps are right across leap years",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999_999, "2024-02-29T23:59:59.999Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
        ])
    func timestamps(_ microseconds: Int64, _ expected: String) {
        #expect(LogLine.timestamp(microseconds) == expected)
    }

    @Test("Levels filter and can change; reopening follows the name; lines of threads do not mix")
    func file() throws {
        let path = "/tmp/a2-log-\(ProcessFacts.id)-\(Entropy.seed)"
        defer {
            unlink(path)
            unlink(path + ".1")
        }
        let logger = try Logger(level: .warning, format: "plain", path: path)
        logger.info("not this")
        logger.warning("first")
        logger.level = .info
        rename(path, path + ".1")
        logger.info("second")
        try logger.reopen()
        let threads = try (0..<4).map { number in
            try Thread.start(name: "log \(number)") {
                for step in 0..<200 { logger.info("line", ["thread": .number(number), "step": .number(step)]) }
            }
        }
        for thread in threads { thread.join() }
        #expect(String(decoding: try Files.read(path + ".1"), as: UTF8.self) == "<4>first\n<6>second\n")
        let lines = String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n")
        let expected = (0..<4).flatMap { number in (0..<200).map { "<6>line thread=\(number) step=\($0)" } }
        #expect(lines.map(String.init).sorted() == expected.sorted())
    }

    @Test("auto is plain only when the stream is the journal's own")
    func automatic() throws {
        let file = try Files.open("/dev/null", for: .append)
        var status = stat()
        fstat(file.number, &status)
        let stream = "\(status.st_dev):\(status.st_ino)"
        #expect(LogFormat(option: "auto", descriptor: file.number, environment: ["JOURNAL_STREAM": stream]) == .plain)
        for environment in [[:], ["JOURNAL_STREAM": "1:1"], ["JOURNAL_STREAM": "x"]] {
            let format = LogFormat(option: "auto", descriptor: file.number, environment: environment)
            #expect(format == .pretty(colour: false))
        }
    }
}

@Suite struct LaunchTests {
    private func temporary(_ text: String, _ suffix: String = ".toml") throws -> String {
        let path = "/tmp/a2-launch-\(ProcessFacts.id)-\(Entropy.seed)\(suffix)"
        try Files.replace(path, with: Array(text.utf8), permissions: 0o600)
        return path
    }

    @Test("A file is read, its change seen by a reload, and rewritten")
    func launch() throws {
        let path = try temporary("hz = 20 # fast\n")
        defer { unlink(path) }
        let launch = try Launch(flags: Arguments(["serve", "--config", path]).options, environment: [:])
        #expect(launch.settings.integer(.hz) == 20 && launch.configurationPath == path)
        let changed = try launch.settings.changed([("hz", "30")]).settings
        try launch.rewriteConfiguration(with: changed)
        #expect(String(decoding: try Files.read(path), as: UTF8.self) == "hz = 30 # fast\n")
        #expect(try launch.reloaded().settings.integer(.hz) == 30)
    }

    @Test("A file named must exist; usual ones need not")
    func missing() throws {
        let error = #expect(throws: SettingsError.self) {
            _ = try Launch(flags: [], environment: ["A2_CONFIG": "/nonexistent/a2.toml"])
        }
        #expect(error?.description == "/nonexistent/a2.toml: cannot be read: No such file or directory")
        _ = try Launch(flags: [], environment: ["XDG_CONFIG_HOME": "/nonexistent"])
        let none = #expect(throws: SettingsError.self) {
            let launch = try Launch(flags: [], environment: ["XDG_CONFIG_HOME": "/nonexistent"])
            try launch.rewriteConfiguration(with: launch.settings)
        }
        #expect(none?.message == "The server is running without a config file")
    }

    @Test(
        "The password is the first line of its file, never empty",
        arguments: [
            ("s3cret\n", "s3cret"), ("s3cret\r\nmore", "s3cret"), (" a b ", " a b "), ("\nx", nil),
        ])
    func password(_ text: String, _ expected: String?) throws {
        let path = try temporary(text, ".password")
        defer { unlink(path) }
        let launch = try Launch(flags: Arguments(["serve", "--password-file", path]).options, environment: [:])
        #expect((try? launch.password()) == expected)
    }
}
