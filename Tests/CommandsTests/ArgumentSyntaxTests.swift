/// The notation of arguments, as COMMAND DOCS tells it.
import Base
import Testing

@testable import Commands

struct ArgumentSyntaxTests {
    /// A tree in one line: name:type, =TOKEN, ? optional, + multiple, * with its token, (children).
    private func spelled(_ nodes: [ArgumentNode]) -> String {
        nodes.map { node in
            var text = "\(node.name):\(node.kind.rawValue)"
            if let token = node.token { text += "=\(token)" }
            if let index = node.keySpecIndex { text += "#\(index)" }
            if node.isOptional { text += "?" }
            if node.isMultiple { text += node.repeatsToken ? "*" : "+" }
            if !node.children.isEmpty { text += "(" + spelled(node.children) + ")" }
            return text
        }.joined(separator: " ")
    }

    @Test(
        "A notation is read into Redis' tree",
        arguments: [
            ("", 0, ""),
            ("key", 1, "key:key#0"),
            ("message", 0, "message:string"),
            ("key [key ...]", 1, "key:key#0+"),
            ("key value [key value ...]", 1, "data:block+(key:key#0 value:string)"),
            ("[section [section ...]]", 0, "section:string?+"),
            ("key [SAMPLES count]", 1, "key:key#0 count:integer=SAMPLES?"),
            (
                "key [BY pattern] [LIMIT offset count]", 1,
                "key:key#0 pattern:pattern=BY? limit:block=LIMIT?(offset:integer count:integer)"
            ),
            ("key [GET pattern [GET pattern ...]]", 1, "key:key#0 pattern:pattern=GET?*"),
            ("[NX | XX] [GET]", 0, "condition:oneof?(nx:pure-token=NX xx:pure-token=XX) get:pure-token=GET?"),
            (
                "[EX seconds | EXAT unix-time-seconds | KEEPTTL]", 0,
                "expiration:oneof?(seconds:integer=EX unix-time-seconds:unix-time=EXAT keepttl:pure-token=KEEPTTL)"
            ),
            ("<ON | OFF>", 0, "on-off:oneof(on:pure-token=ON off:pure-token=OFF)"),
            ("[COUNT count [ANY]]", 0, "count:block?(count:integer=COUNT any:pure-token=ANY?)"),
            ("STREAMS key [key ...] id [id ...]", 1, "key:key=STREAMS#0+ id:string+"),
            (
                "source destination [DB destination-db] [REPLACE]", 2,
                "source:key#0 destination:key#1 destination-db:integer=DB? replace:pure-token=REPLACE?"
            ),
            (
                "path [CONFIG name value [CONFIG name value ...]]", 0,
                "path:string config:block=CONFIG?*(name:string value:string)"
            ),
            (
                "[FILTERBY <MODULE module-name | PATTERN pattern>]", 0,
                "option:oneof=FILTERBY?(module-name:string=MODULE pattern:pattern=PATTERN)"
            ),
        ])
    func tree(_ notation: String, _ keySpecs: Int, _ expected: String) {
        #expect(spelled(ArgumentSyntax.parse(notation, keySpecCount: keySpecs)) == expected)
    }

    @Test("Every row's notation is balanced, names its arguments and its keys")
    func rows() {
        func check(_ nodes: [ArgumentNode], _ row: Command) {
            for node in nodes {
                #expect(!node.name.isEmpty && !node.name.contains { "[]<>|".contains($0) }, "\(row.fullName)")
                if node.kind == .oneof || node.kind == .block { #expect(!node.children.isEmpty, "\(row.fullName)") }
                check(node.children, row)
            }
        }
        func keys(_ nodes: [ArgumentNode]) -> Int {
            nodes.reduce(0) { $0 + ($1.kind == .key ? 1 : 0) + keys($1.children) }
        }
        for command in CommandTable.shared.commands {
            for row in [command] + command.subcommands {
                let notation = row.arguments.description
                for (open, close) in [("[", "]"), ("<", ">")] as [(Character, Character)] {
                    #expect(
                        notation.count { $0 == open } == notation.count { $0 == close }, "\(row.fullName): \(notation)")
                }
                let nodes = ArgumentSyntax.arguments(of: row)
                check(nodes, row)
                #expect(keys(nodes) >= (row.keys.isEmpty ? 0 : 1), "\(row.fullName): \(notation)")
            }
        }
    }
}
