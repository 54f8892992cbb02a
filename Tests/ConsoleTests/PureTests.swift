/// The parts of the console that are functions of what they are given.
import Client
import Options
import RESP
import Testing

@testable import Console

@Suite struct PureTests {
    private func words(_ line: String) -> [[UInt8]] { line.split(separator: " ").map { Array($0.utf8) } }

    @Test("The prompt follows replies")
    func prompt() {
        var state = PromptState(label: "h:1")
        #expect(state.text == "not connected> ")
        state.connected(label: "h:1", database: 0)
        state.answered(words("SELECT 4"), .simple(Array("OK".utf8)))
        #expect(state.text == "h:1[4]> ")
        state.answered(words("SELECT 99"), .error(Array("ERR DB index is out of range".utf8)))
        #expect(state.text == "h:1[4]> ")
        state.answered(words("MULTI"), .simple(Array("OK".utf8)))
        state.answered(words("SELECT 5"), .simple(Array("QUEUED".utf8)))
        #expect(state.text == "h:1[4](TX)> ")
        state.answered(words("DISCARD"), .simple(Array("OK".utf8)))
        #expect(state.text == "h:1[4]> ")
        state.answered(words("multi"), .simple(Array("OK".utf8)))
        state.answered(words("SELECT 5"), .simple(Array("QUEUED".utf8)))
        state.answered(words("EXEC"), .array([.simple(Array("OK".utf8))]))
        #expect(state.text == "h:1[5]> ")
        state.answered(words("MULTI"), .simple(Array("OK".utf8)))
        state.answered(words("EXEC"), .error(Array("EXECABORT Transaction discarded".utf8)))
        #expect(state.text == "h:1[5]> ")
        state.answered(words("RESET"), .simple(Array("RESET".utf8)))
        #expect(state.text == "h:1> ")
        state.answered(words("MULTI"), .simple(Array("OK".utf8)))
        state.disconnected()
        #expect(state.text == "not connected> ")
        state.connected(label: "h:1", database: 0)
        #expect(state.text == "h:1> ")
    }

    @Test("Secrets and dangers are recognized")
    func caution() {
        for line in [
            "AUTH x", "auth u x", "HELLO 3 AUTH u x", "ACL SETUSER joe >x", "CONFIG SET requirepass x",
            "config set maxmemory 1 masterauth x", "MIGRATE h 1 k 0 1 AUTH x", "@nyc AUTH x", "3 AUTH x",
            "connect redis://:x@h",
        ] { #expect(Caution.isSecret(words(line)), "\(line)") }
        for line in ["GET auth", "HELLO 3", "ACL WHOAMI", "CONFIG GET requirepass", "CONFIG SET maxmemory 1"] {
            #expect(!Caution.isSecret(words(line)), "\(line)")
        }
        for line in [
            "flushall", "FLUSHDB async", "SHUTDOWN", "CONFIG SET a b", "DEBUG SLEEP 1", "A2.EXPEL 3", "A2.LEAVE",
        ] {
            #expect(Caution.danger(words(line)) != nil, "\(line)")
        }
        for line in ["GET a", "CONFIG GET a", "DEBUG HELP", "KEYS *"] { #expect(Caution.danger(words(line)) == nil) }
    }

    @Test("Hints count off what has been typed")
    func hints() {
        let catalog = Catalog.builtIn
        func hint(_ line: String) -> String { Completion.hint(line, catalog: catalog) }
        #expect(hint("GET") == "key")
        #expect(hint("get ") == "key")
        #expect(hint("GET k") == "")
        #expect(hint("SET k ").hasPrefix("value [NX | XX]"))
        #expect(!hint("SET k v NX ").contains("NX"))
        #expect(!hint("SET k v EX 10 ").contains("EX seconds"))
        #expect(hint("SET k v EX 10 ").contains("[NX | XX]"))
        #expect(hint("@nyc GET ") == "key")
        #expect(hint("NOSUCH ") == "")
        #expect(hint("GET 'open") == "")
    }

    @Test("Completion knows where a word stands")
    func completion() {
        let catalog = Catalog.builtIn
        func subjects(_ line: String) -> [Completion.Subject]? { Completion(line, catalog: catalog)?.subjects }
        #expect(subjects("ge") == [.command])
        #expect(subjects("") == [.command])
        #expect(subjects("client ") == [.subcommand(of: "CLIENT")])
        #expect(subjects("GET u") == [.key])
        #expect(subjects("SET k v e") == [.option(of: "SET")])
        #expect(subjects(":l") == [.colonCommand])
        #expect(subjects("@n") == [.node])
        #expect(subjects("@nyc GET u") == [.key])
        #expect(subjects("GET 'u") == nil)
        #expect(Completion("GET ké", catalog: catalog)?.word == "ké")
        #expect(Completion.commonPrefix(["user:1", "user:23"]) == "user:")
        #expect(Completion.tokens("key value [NX | XX] [EX seconds]") == ["NX", "XX", "EX"])
    }

    @Test("A bar outside quotes leads to the shell")
    func pipes() {
        #expect(Session.splitPipe("GET x | jq .")?.command == "GET x")
        #expect(Session.splitPipe("GET x | jq .")?.shell == "jq .")
        #expect(Session.splitPipe("SET x 'a | b'") == nil)
        #expect(Session.splitPipe("SET x \"a\\\" | b\"") == nil)
        #expect(Session.splitPipe("SET x a|b") == nil)
        #expect(Session.splitPipe("GET x |") == nil)
    }

    @Test("JSON takes every reply, and every byte")
    func json() {
        func text(_ reply: ReplyValue) -> String {
            let output = Output()
            output.capture()
            ReplyFormat.json.write(reply, to: output)
            return String(decoding: output.captured(), as: UTF8.self)
        }
        #expect(text(.bulk([0xFF, 0x00])) == "{\"b64\":\"/wA=\"}\n")
        #expect(text(.bulk(Array("a\"\u{1}\n".utf8))) == "\"a\\\"\\u0001\\n\"\n")
        #expect(text(.map([ReplyPair(key: .integer(1), value: .null)])) == "{\"1\":null}\n")
        #expect(text(.map([ReplyPair(key: .array([.integer(1)]), value: .boolean(true))])) == "{\"[1]\":true}\n")
        #expect(text(.double(.infinity)) == "\"inf\"\n")
        #expect(text(.error(Array("ERR x".utf8))) == "{\"error\":\"ERR x\"}\n")
    }

    @Test("Names of nodes are read, and a wrong one is told with its line")
    func nodes() throws {
        let nodes = try NamedNodes.read("[console.nodes]\nnyc = \"redis://:x@h:1\"\n[server]\nport = 1\n", path: "f")
        #expect(nodes.names == ["nyc"])
        #expect(nodes.find("nyc")?.description == "h:1")
        #expect(throws: ClientError.self) { try NamedNodes.read("[console.nodes]\nnyc = 1\n", path: "f") }
        #expect(throws: ClientError.self) { try NamedNodes.read("[console.nodes]\nnyc = \"h:0\"\n", path: "f") }
    }

    @Test("Pastes are told from keys wherever the pieces end in which they come")
    func pasteMarks() {
        let bytes = Array("ab\u{1B}[A\u{1B}[200~x\ry\u{1B}[20\u{1B}[201~c\u{1B}[200~\u{1B}[201~\u{1B}".utf8)
        for size in 1...bytes.count {
            var scanner = PasteScanner()
            var (typed, pastes): ([UInt8], [[UInt8]]) = ([], [])
            for start in stride(from: 0, to: bytes.count, by: size) {
                for piece in scanner.take(Array(bytes[start..<min(start + size, bytes.count)])) {
                    switch piece {
                    case .typed(let keys): typed += keys
                    case .pasted(let text): pastes.append(text)
                    }
                }
            }
            // The escape at the end may be the beginning of a mark.
            for piece in scanner.take([UInt8(ascii: "b")]) { if case .typed(let keys) = piece { typed += keys } }
            #expect(typed == Array("ab\u{1B}[Ac\u{1B}b".utf8), "\(size)")
            #expect(pastes == [Array("x\ry\u{1B}[20".utf8), []], "\(size)")
        }
    }

    @Test("Lines of a paste join what stands around the cursor")
    func pastedLines() {
        func text(_ pasted: String) -> String { String(decoding: PastedLines.text(Array(pasted.utf8)), as: UTF8.self) }
        #expect(text("GET a\r\n\r\n") == "GET a")
        #expect(text("a\rb\r\nc\n\u{3}\u{1B}d\t") == "a\nb\nc\nd\t")
        #expect(text("\n\n") == "" && text("") == "")
        var lines = PastedLines()
        lines.offer(Array("a\n\n b\nSET".utf8), before: "GET ", behind: " x")
        #expect(lines.count == 2 && lines.isUndecided && lines.next() == nil)
        lines.decide(true)
        #expect(lines.takeRest() == nil && lines.next() == "GET a" && lines.next() == " b" && lines.next() == nil)
        #expect(lines.takeRest() == "SET x" && lines.takeRest() == nil)
        lines.offer(Array("a\nb".utf8), before: "GET ", behind: " x")
        lines.decide(false)
        #expect(lines.next() == nil && lines.takeRest() == "GET  x")
    }

    @Test("Every command of the console has its row and does something, and :set names all it knows")
    func colonCommands() {
        #expect(ColonCommand.all.map(\.name) == ConsoleCommand.own.map(\.name))
        #expect(ViewCommand.all.map(\.name) == ConsoleCommand.views.map(\.name))
        let told = ConsoleCommand.named("set").summary.split { !$0.isLetter }.map(String.init)
        for name in ConsoleSettings.names where !name.hasPrefix("no") { #expect(told.contains(name), "\(name)") }
        let help = HelpText.text([], Catalog.builtIn, ReplyStyle())
        for row in ConsoleCommand.own + ConsoleCommand.views { #expect(help.contains(row.usage + "\n")) }
    }
}
