/// How every subcommand ends: scripts act on nothing else.
///
/// 0 it is as asked; 1 the answer is no, or the server says so; 2 the arguments make no sense, a file that is not there
/// among them; 3 nobody there; 4 a password; 5 damaged data; 6 a configuration.
import Foundation
import Options
import TestSupport
import Testing

extension EndToEnd {
    @Suite(.serialized) struct ExitStatusTests {
        /// Two nodes that differ, one that wants a password, a port where nobody listens, and files of every kind.
        private final class Scene {
            let directory: TemporaryDirectory
            let node: ServerProcess
            let other: ServerProcess
            let guarded: ServerProcess
            let nobody: Int

            init() throws {
                directory = try TemporaryDirectory()
                node = try ServerProcess.start(.a2)
                other = try ServerProcess.start(.a2, .init(settings: [("node-id", "2")]))
                guarded = try ServerProcess.start(.a2, .init(password: "sesame"))
                nobody = try ServerProcess.freePort()
                _ = try node.connect().call("SET", "word", "x")
                for (name, text) in [
                    ("junk", "junk"), ("bad.rdb", "REDIS9999"), ("wrong.toml", "port = \"x\"\n"),
                    ("open.toml", "[server\n"),
                    ("monitor.txt", "100.000000 [0 127.0.0.1:1] \"GET\" \"word\"\n"), ("other.json", "{}"),
                    ("secret", "wrong\n"),
                ] { _ = try directory.write(text, to: name) }
                try FileManager.default.createDirectory(
                    atPath: directory.file("empty"), withIntermediateDirectories: true)
                for words in [
                    "snapshot save --node NODE -o FILES/good.a2s", "snapshot save --node OTHER -o FILES/differs.a2s",
                    "snapshot restore FILES/good.a2s --data-dir FILES/data",
                    "snapshot convert FILES/good.a2s -o FILES/good.json",
                    "bench -p PORT -n 100 -t get -q --json FILES/run.json",
                ] {
                    let result = try run(words)
                    guard result.exit == .exited(0) else { throw TestSupportError("\(words): \(result.output)") }
                }
                let good = try Data(contentsOf: URL(fileURLWithPath: directory.file("good.a2s")))
                try good.dropLast(20).write(to: URL(fileURLWithPath: directory.file("torn.a2s")))
                let text = try String(contentsOfFile: directory.file("good.json"), encoding: .utf8)
                _ = try directory.write(text.replacing("word", with: "werd"), to: "edited.json")
            }

            func run(_ line: String) throws -> (exit: ChildProcess.Exit, output: String) {
                let words = line.split(separator: " ").map { word in
                    String(word).replacing("FILES", with: directory.path).replacing(
                        "NODE", with: "127.0.0.1:\(node.port)"
                    )
                    .replacing("OTHER", with: "127.0.0.1:\(other.port)").replacing("PORT", with: "\(node.port)")
                    .replacing("GUARDED", with: "127.0.0.1:\(guarded.port)").replacing(
                        "LOCKED", with: "\(guarded.port)"
                    )
                    .replacing("NOBODY", with: "127.0.0.1:\(nobody)").replacing("CLOSED", with: "\(nobody)")
                    .replacing("+", with: " ")
                }
                return try ChildProcess.run(
                    try TestEnvironment.a2Binary(), words, environment: ["A2_CONSOLE_HISTORY": "", "REDISCLI_AUTH": ""])
            }
        }

        /// The status, and the arguments; a plus stands for a space within a word.
        private static let table = """
            0
            0 help
            0 --help
            0 -h
            0 --version
            0 -V
            2 nonsense
            2 --nonsense
            2 help nonsense
            0 help bench converge
            2 help bench nonsense
            2 help nonsense converge
            0 version
            2 version 1
            0 completions bash
            2 completions
            2 completions tcsh
            0 man a2
            2 man
            2 man nonsense

            0 serve --check-config
            0 serve --generate-config
            0 serve --generate-unit
            2 serve 1
            2 serve --port
            6 serve --port x
            6 serve --config FILES/none
            6 serve --check-config --config FILES/wrong.toml
            6 serve --config FILES/open.toml
            3 serve --ephemeral --peer-port 0 --port PORT
            6 serve --peer-port 0 --port 0 --data-dir FILES/junk
            6 serve --peer-port 0 --port 0 --data-dir FILES/secret/data

            0 console -p PORT GET word
            1 console -p PORT INCR word
            1 console -p PORT --read-only DEL word
            1 console -p PORT -c GET+word -c NONSENSE
            0 console -p PORT --no-fail NONSENSE
            2 console -p PORT -c :nonsense
            2 console -p PORT -c GET+'
            2 console -p x PING
            2 console -u redis://h:0 PING
            2 console -p PORT --stat --scan
            2 console -p PORT -c @par+GET+a
            3 console -p CLOSED PING
            3 console -s FILES/none PING
            4 console -p LOCKED PING
            4 console -p LOCKED -a wrong PING
            0 console -p LOCKED -a sesame PING
            4 console -p LOCKED --password-file FILES/secret PING
            2 console --password-file FILES/none PING
            0 console -p PORT --scan
            3 console -p CLOSED --scan
            0 console -p PORT --bigkeys
            0 console -p PORT --memkeys
            1 console -p PORT --hotkeys
            0 console -p PORT --pipe
            0 console -p PORT --stat -r 2 -i 1ms
            0 console -p PORT --latency -i 20ms
            0 console -p PORT --latency-history -i 20ms -r 2

            0 bench -p PORT -n 100 -t set -q
            0 bench run -p PORT -n 100 -q PING
            1 bench -p PORT -n 100 -q NONSENSE
            1 bench -p PORT -n 100 -q --fail-if p50>0us PING
            2 bench -n x
            2 bench run --rate 0
            3 bench -p CLOSED -n 1 -q
            4 bench -p LOCKED -n 1 -q
            4 bench -p LOCKED -a wrong -n 1 -q PING
            2 bench -p PORT -n 10 -q --json FILES/none/x PING
            0 bench load -p PORT -r 100 -q
            2 bench load -p PORT -r x
            3 bench load -p CLOSED -r 10
            4 bench load -p LOCKED -r 10
            0 bench replay -p PORT -q FILES/monitor.txt
            2 bench replay -p PORT
            2 bench replay -p PORT FILES/none
            5 bench replay -p PORT FILES/junk
            3 bench replay -p CLOSED -q FILES/monitor.txt
            0 bench compare FILES/run.json FILES/run.json
            2 bench compare FILES/run.json
            2 bench compare FILES/run.json FILES/none
            5 bench compare FILES/run.json FILES/other.json
            5 bench compare FILES/run.json FILES/junk
            1 bench compare FILES/run.json FILES/run.json --fail-if p50>0us
            1 bench converge --targets NODE,OTHER --duration 200ms --drain-timeout 200ms
            2 bench converge --targets NODE
            3 bench converge --targets NODE,NOBODY --duration 1s
            4 bench converge --targets NODE,GUARDED --duration 1s

            0 snapshot save --node NODE -o FILES/again.a2s
            2 snapshot save --node NODE
            3 snapshot save --node NOBODY -o FILES/x.a2s
            4 snapshot save --node GUARDED -o FILES/x.a2s
            0 snapshot save --data-dir FILES/data -o FILES/x.a2s
            2 snapshot save --data-dir FILES/none -o FILES/x.a2s
            5 snapshot save --data-dir FILES/empty -o FILES/x.a2s
            2 snapshot save --node NODE -o FILES/none/x
            0 snapshot restore FILES/good.a2s --data-dir FILES/copy
            2 snapshot restore FILES/good.a2s
            1 snapshot restore FILES/good.a2s --data-dir FILES/data
            2 snapshot restore FILES/none --data-dir FILES/d
            5 snapshot restore FILES/torn.a2s --data-dir FILES/d
            3 snapshot restore FILES/good.a2s --into NOBODY --as-new-writes
            0 snapshot diff FILES/good.a2s FILES/data
            1 snapshot diff FILES/good.a2s FILES/differs.a2s
            2 snapshot diff FILES/good.a2s
            2 snapshot diff FILES/good.a2s FILES/none
            3 snapshot diff FILES/good.a2s redis://NOBODY
            4 snapshot diff FILES/good.a2s redis://GUARDED
            5 snapshot diff FILES/torn.a2s FILES/good.a2s
            0 snapshot convert FILES/good.a2s -o FILES/again.json
            2 snapshot convert FILES/good.a2s
            2 snapshot convert FILES/none -o FILES/x.json
            5 snapshot convert FILES/edited.json -o FILES/x.a2s
            2 snapshot import-rdb FILES/none -o FILES/x.a2s
            5 snapshot import-rdb FILES/bad.rdb -o FILES/x.a2s
            3 snapshot import-rdb redis://NOBODY -o FILES/x.a2s
            4 snapshot import-rdb redis://GUARDED -o FILES/x.a2s
            0 snapshot import-rdb redis://NODE -o FILES/x.a2s
            2 snapshot import-rdb FILES/bad.rdb
            0 snapshot export-rdb FILES/good.a2s -o FILES/x.rdb
            2 snapshot export-rdb FILES/good.a2s
            2 snapshot export-rdb FILES/none -o FILES/x.rdb
            5 snapshot export-rdb FILES/torn.a2s -o FILES/x.rdb

            0 inspect log --data-dir FILES/data
            2 inspect log --data-dir FILES/none
            5 inspect log --data-dir FILES/empty
            2 inspect log --limit x
            0 inspect segments --data-dir FILES/data
            2 inspect segments --data-dir FILES/none
            5 inspect segments --data-dir FILES/empty
            0 inspect key word --node NODE
            1 inspect key none --node NODE
            2 inspect key
            0 inspect key word --data-dir FILES/data
            2 inspect key word --data-dir FILES/none
            3 inspect key word --node NOBODY
            4 inspect key word --node GUARDED
            0 inspect doctor --node NODE
            1 inspect doctor --node NOBODY
            2 inspect doctor x
            1 inspect digest --node NODE --node OTHER
            """

        /// The same for each of several.
        private static let patterns: [(names: String, rows: String)] = [
            (
                "snapshot+status snapshot+verify inspect+snapshot",
                """
                0 NAME FILES/good.a2s
                2 NAME
                2 NAME FILES/none
                2 NAME FILES/empty
                5 NAME FILES/junk
                5 NAME FILES/torn.a2s
                """
            ),
            (
                "inspect+digest inspect+versions inspect+peers inspect+node",
                """
                0 NAME --node NODE
                2 NAME --node
                3 NAME --node NOBODY
                4 NAME --node GUARDED
                """
            ),
            (
                ":nodes :digest :lag :map :top :diff+word :meta+word :meta+word+--all :probe",
                """
                0 console -p PORT --json -c VIEW
                2 console -p PORT -c VIEW+--nonsense
                3 console -p CLOSED -c VIEW
                4 console -p LOCKED -c VIEW
                """
            ),
            (
                ":nodes :digest :lag :map :top :diff+word :meta+word+--all :probe",
                "1 console --node NODE --node NOBODY -c VIEW"
            ),
        ]

        private static let cases: [(line: String, status: Int32)] = {
            var rows = table.split(separator: "\n").map(String.init)
            for (names, pattern) in patterns {
                for name in names.split(separator: " ") {
                    rows += pattern.split(separator: "\n").map {
                        String($0).replacing("VIEW", with: name).replacing("NAME", with: name.replacing("+", with: " "))
                    }
                }
            }
            return rows.map { row in
                guard let status = row.first.flatMap({ Int32(String($0)) }) else {
                    preconditionFailure("no status: \(row)")
                }
                return (String(row.dropFirst(2)), status)
            }
        }()

        @Test("Every subcommand ends as documented")
        func table() throws {
            let scene = try Scene()
            for (line, status) in Self.cases {
                let result = try scene.run(line)
                #expect(
                    result.exit == .exited(status),
                    "a2 \(line), which is to end with \(status): \(result.output.suffix(500))")
            }
        }

        @Test("Help of every subcommand ends with 0, an unknown flag with 2, and the table has rows for each")
        func whole() throws {
            let scene = try Scene()
            let lines = Self.cases.map(\.line)
            for subcommand in Subcommand.visible {
                for path in [subcommand.name] + subcommand.visibleVerbs.map(\.path) {
                    let help = try scene.run(path + " --help")
                    #expect(help.exit == .exited(0) && help.output.hasSuffix("\n"), "\(path)")
                    let unknown = try scene.run(path + " --nonsense")
                    #expect(
                        unknown.exit == .exited(2) && unknown.output.contains("a2 help"), "\(path): \(unknown.output)")
                    if path != "help" {
                        #expect(
                            lines.contains { $0 == path || $0.hasPrefix(path + " ") }, "\(path) is not in the table")
                    }
                }
            }
        }
    }
}
