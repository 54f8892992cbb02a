/// Where settings come from, which source wins, and what is refused in which words.
import Base
import Testing

@testable import Options

@Suite struct SettingsTests {
    private func load(
        _ flags: [String] = [], environment: [String: String] = [:], toml: String? = nil
    ) throws -> Settings {
        let arguments = try Arguments(["serve"] + flags)
        let file = toml.map { ConfigurationFile(path: "a2.toml", text: $0) }
        return try Settings.load(flags: arguments.options, environment: environment, file: file).settings
    }

    private func refusal(
        _ flags: [String] = [], environment: [String: String] = [:], toml: String? = nil
    ) throws -> String? {
        let error = #expect(throws: SettingsError.self) { _ = try load(flags, environment: environment, toml: toml) }
        return error?.description
    }

    @Test("The table is whole: a row for each option in order, names and sections unique and known")
    func table() {
        #expect(OptionTable.rows.map(\.option) == Option.allCases)
        let names = OptionTable.rows.flatMap { [$0.name] + [$0.alias].compactMap { $0 } }
        #expect(Set(names).count == names.count)
        #expect(Set(names).isDisjoint(with: CompatibilityOptions.values.map(\.name)))
        for row in OptionTable.rows {
            #expect(OptionTable.sections.contains(row.section))
            #expect(row.summary.hasSuffix("."))
            _ = row.defaultValue
        }
        let compatible = CompatibilityOptions.values.map(\.name)
        #expect(Set(compatible).count == compatible.count)
    }

    @Test("Flags win over variables, variables over the file, the file over defaults; each names its source")
    func precedence() throws {
        let toml = "[network]\nport = 1\ntimeout = 2\n[memory]\nmaxmemory = \"1gb\"\n"
        let settings = try load(
            ["--port=3", "--no-latency-tracking"], environment: ["A2_PORT": "4", "A2_TIMEOUT": "5"], toml: toml)
        #expect(settings.integer(.port) == 3 && settings.source(of: .port) == .flag("--port"))
        #expect(settings.integer(.timeout) == 5 && settings.source(of: .timeout) == .variable("A2_TIMEOUT"))
        #expect(settings.integer(.maxmemory) == 1 << 30)
        #expect(settings.source(of: .maxmemory) == .file("a2.toml", line: 5))
        #expect(!settings.flag(.latencyTracking))
        #expect(settings.integer(.maxclients) == 10000 && settings.source(of: .maxclients) == .standard)
    }

    @Test("Lists: in one word, repeated, by commas in a variable, as an array or a text in a file")
    func lists() throws {
        let expected = ["10.0.0.1", "::1"]
        #expect(try load(["--bind", "10.0.0.1 ::1"]).list(.bind) == expected)
        #expect(try load(["--bind", "10.0.0.1", "--bind", "::1"]).list(.bind) == expected)
        #expect(try load(environment: ["A2_BIND": "10.0.0.1,::1"]).list(.bind) == expected)
        #expect(try load(toml: "bind = ['10.0.0.1', '::1']").list(.bind) == expected)
        #expect(try load(toml: "bind = '10.0.0.1 ::1'").list(.bind) == expected)
        #expect(try load(["--bind", "::1"], toml: "bind = ['10.0.0.1']").list(.bind) == ["::1"])
    }

    @Test(
        "Yes-or-no flags take a word or none",
        arguments: [
            (["--ephemeral"], true), (["--ephemeral", "yes"], true), (["--ephemeral", "no"], false),
            (["--ephemeral=no"], false), (["--no-ephemeral"], false), (["--ephemeral", "--port", "1"], true),
        ])
    func switches(_ flags: [String], _ expected: Bool) throws {
        #expect(try load(flags).flag(.ephemeral) == expected)
    }

    @Test("What is not accepted says where it stands and what was meant")
    func refusals() throws {
        #expect(
            try refusal(toml: "\n[network]\nprot = 1")
                == "a2.toml:3:1: unknown key 'network.prot'; did you mean 'port'?")
        #expect(
            try refusal(toml: "[memory]\nport = 1") == "a2.toml:2:1: 'port' belongs in [network], not in 'memory.port'")
        #expect(
            try refusal(toml: "[netwrok]\nx = 1") == "a2.toml:2:1: unknown table [netwrok]; did you mean [network]?")
        #expect(
            try refusal(toml: "port = 70000") == "a2.toml:1:1: port: argument must be between 0 and 65535 inclusive")
        #expect(try refusal(toml: "port = true") == "a2.toml:1:1: port: expected a whole number")
        #expect(try refusal(toml: "port = ") == "a2.toml:1:8: expected a value, found the end")
        #expect(try refusal(toml: "config = 'x'") == "a2.toml:1:1: unknown key 'config'")
        #expect(try refusal(["--node-id", "0"]) == "--node-id: argument must be between 1 and 255 inclusive")
        #expect(
            try refusal(environment: ["A2_LOG_FORMAT": "xml"])
                == "A2_LOG_FORMAT: argument(s) must be one of the following: auto, pretty, json, plain")
        let warnings = try Settings.load(flags: [], environment: ["A2_PROT": "1", "B": ""], file: nil).warnings
        #expect(warnings == ["unknown variable A2_PROT ignored; did you mean A2_PORT?"])
    }

    @Test("JSON by extension has the structure of the TOML")
    func json() throws {
        let text = #"{"network": {"port": 7, "bind": ["::1"]}, "memory": {"maxmemory": "2mb"}, "ephemeral": true}"#
        let file = ConfigurationFile(path: "a2.JSON", text: text)
        let settings = try Settings.load(flags: [], environment: [:], file: file).settings
        #expect(settings.integer(.port) == 7 && settings.integer(.maxmemory) == 2 << 20)
        #expect(settings.list(.bind) == ["::1"] && settings.flag(.ephemeral))
    }

    @Test("Memory values are Redis'")
    func memoryValues() {
        for (text, bytes) in [
            ("0", 0), ("100", 100), ("1b", 1), ("1k", 1000), ("1kb", 1024), ("3MB", 3 << 20), ("2g", 2_000_000_000),
            ("1Gb", 1 << 30),
        ] { #expect(memoryBytes(text) == bytes) }
        for text in ["", "kb", "-1", "1x", "1 mb", "10%", "99999999999gb", "1.5gb", "٣"] {
            #expect(memoryBytes(text) == nil)
        }
    }

    @Test(
        "CONFIG SET refuses in Redis' words",
        arguments: [
            ("maxmemory", "abc", "argument must be a memory value"),
            ("maxmemory", "10%", "argument must be a memory value"),
            ("hz", "abc", "argument couldn't be parsed into an integer"),
            ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
            ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
            ("databases", "3", "can't set immutable config"),
            ("appendonly", "no", "can't set immutable config"),
            ("protected-mode", "maybe", "argument must be 'yes' or 'no'"),
            (
                "maxmemory-policy", "x",
                "argument(s) must be one of the following: volatile-lru, volatile-lfu, "
                    + "volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"
            ),
            ("proto-max-bulk-len", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
            (
                "latency-tracking-info-percentiles", "101",
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
            ),
            ("latency-tracking-info-percentiles", "abc", "Invalid latency-tracking-info-percentiles parameters"),
            (
                "client-output-buffer-limit", "foo 1 2 3",
                "Invalid client class specified in buffer limit configuration."
            ),
            ("client-output-buffer-limit", "normal 1", "Wrong number of arguments in buffer limit configuration."),
            (
                "client-output-buffer-limit", "normal 1mb 0 x",
                "Error in hard, soft or soft_seconds setting in buffer limit configuration."
            ),
        ])
    func configSetRefusals(_ name: String, _ value: String, _ reason: String) {
        let error = #expect(throws: ChangeError.self) { _ = try Settings().changed([(name, value)]) }
        #expect(error?.reply == "ERR CONFIG SET failed (possibly related to argument '\(name)') - \(reason)")
    }

    @Test("CONFIG SET changes all or nothing, CONFIG GET shows it")
    func configSet() throws {
        let settings = Settings()
        let changed = try settings.changed([
            ("MaxMemory", "1mb"), ("save", ""), ("hz", "10"), ("loglevel", "verbose"),
            ("client-output-buffer-limit", "pubsub 1mb 2mb 3"),
        ])
        #expect(changed.options == [.maxmemory, .logLevel, .clientOutputBufferLimit])
        let shown = changed.settings.parameters {
            ["maxmemory", "save"].contains($0) || $0.hasPrefix("log") && $0 != "log-segment-bytes"
        }
        #expect(
            shown.map { "\($0.name)=\($0.value)" } == [
                "maxmemory=1048576", "log-level=info", "loglevel=info", "log-format=auto", "log-file=", "logfile=",
                "save=",
            ])
        #expect(
            changed.settings.text(.clientOutputBufferLimit)
                == "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2097152 3")
        #expect(changed.settings.outputLimits.pubsub.softSeconds == 3)
        #expect(throws: ChangeError.unknown("nosuch")) { try settings.changed([("hz", "20"), ("nosuch", "1")]) }
        #expect(throws: ChangeError.refused("HZ", reason: "duplicate parameter")) {
            try settings.changed([("hz", "20"), ("HZ", "21")])
        }
    }

    @Test("The generated configuration parses, and uncommented it says the defaults")
    func generated() throws {
        let text = Settings.generatedConfiguration
        #expect(try TOMLDocument.read(text).members.isEmpty)
        let active = text.split(separator: "\n").map { line in
            line.hasPrefix("# ") && line.contains(" = ") ? line.dropFirst(2) : line
        }.joined(separator: "\n")
        let settings = try load(toml: active)
        for row in OptionTable.rows where !row.isCommandLineOnly {
            #expect(settings[row.option] == row.defaultValue, "\(row.name)")
            #expect(settings.source(of: row.option) != .standard, "\(row.name)")
        }
    }

    @Test("The report parses in both forms, names sources and hides secrets")
    func reports() throws {
        let settings = try load(["--requirepass", "hunter2"], toml: "port = 7")
        #expect(settings.report.contains("port = 7"))
        #expect(settings.report.contains("# a2.toml:1\n"))
        #expect(try load(toml: settings.report).integer(.port) == 7)
        for text in [settings.report, settings.jsonReport] {
            #expect(!text.contains("hunter2") && text.contains("(redacted)"))
        }
        guard case .table(let members) = try JSONReader.read(settings.jsonReport) else {
            Issue.record("no object")
            return
        }
        #expect(members.map { $0.path } == [["schema_version"], ["options"]])
    }

    @Test("A rewritten file keeps its comments and order, and reads back as the settings")
    func rewriting() throws {
        let old = """
            # top
            hz = 20 # rounds
            network.timeout = 5

            [memory] # how much
            maxmemory = '1gb'  # one
            # end of memory
            """
        let settings = try load(toml: old).changed([
            ("maxmemory", "2gb"), ("maxmemory-policy", "allkeys-lru"), ("timeout", "6"), ("tcp-keepalive", "7"),
            ("loglevel", "debug"), ("slowlog-max-len", "128"), ("requirepass", "a\"b\\c\u{7}"),
        ]).settings
        let new = try ConfigurationFile(path: "a2.toml", text: old).rewritten(with: settings)
        #expect(
            new == """
                # top
                hz = 20 # rounds
                network.timeout = 6
                tcp-keepalive = 7

                [memory] # how much
                maxmemory = "2gb"  # one
                maxmemory-policy = "allkeys-lru"
                # end of memory

                [security]
                requirepass = "a\\"b\\\\c\\u0007"

                [logging]
                log-level = "debug"

                """)
        let again = try load(toml: new)
        for option in Option.allCases { #expect(again[option] == settings[option], "\(option.name)") }
        #expect(try ConfigurationFile(path: "a2.toml", text: new).rewritten(with: again) == new)
    }
}
