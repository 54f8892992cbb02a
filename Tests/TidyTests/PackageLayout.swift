/// What Package.swift says of layers: the arrows of its opening comment and each target's dependencies.

struct PackageLayout {
    struct Target {
        let name: String
        let dependencies: [String]
        let line: Int
    }

    /// Who may import whom directly. What stands at the end of a chain of arrows may be imported as well.
    private(set) var arrows: [String: Set<String>] = [:]
    /// Modules that must be deterministic: those under the line in the comment.
    private(set) var deterministic: Set<String> = []
    private(set) var targets: [Target] = []
    let file: SourceFile

    init(_ file: SourceFile) {
        self.file = file
        readArrows()
        readTargets()
    }

    var names: Set<String> { Set(targets.map(\.name)) }

    func target(_ name: String) -> Target? { targets.first { $0.name == name } }

    /// All modules that arrows lead to.
    func reachable(from name: String) -> Set<String> {
        var found: Set<String> = []
        var open = arrows[name] ?? []
        while let next = open.popFirst() {
            found.insert(next)
            open.formUnion(arrows[next, default: []].subtracting(found))
        }
        return found
    }

    private mutating func readArrows() {
        var isBelow = false
        for line in file.lines where line.hasPrefix("///") {
            let text = line.dropFirst(3)
            if text.contains("──") { isBelow = true }
            // Statements on one line stand at least three spaces apart.
            for statement in Self.statements(of: text) where statement.contains("→") {
                let groups = statement.split(separator: "→").map { $0.split(separator: " ").map { String($0) } }
                for (left, right) in zip(groups, groups.dropFirst()) {
                    for name in left { arrows[name, default: []].formUnion(right) }
                }
                if isBelow { deterministic.formUnion(groups.joined()) }
            }
        }
    }

    private static func statements(of text: Substring) -> [String] {
        var statements: [String] = []
        var current = ""
        var spaces = 3
        for character in text {
            if character == " " {
                spaces += 1
                continue
            }
            if spaces >= 3 {
                statements.append(current)
                current = ""
            } else if spaces > 0 {
                current += " "
            }
            current.append(character)
            spaces = 0
        }
        return (statements + [current]).filter { !$0.isEmpty }
    }

    /// Calls such as `module("Base", ["CIntrinsics"])` and `.target(name: "Base", dependencies: ["CIntrinsics"])`.
    private mutating func readTargets() {
        let makers: Set<String> = ["module", "tests", "target", "testTarget", "executableTarget"]
        let tokens = file.tokens
        for index in tokens.indices.dropLast() where makers.contains(tokens[index].text) {
            guard tokens[index].kind == .word, tokens[index + 1].isSign("("),
                index == 0 || !tokens[index - 1].isWord("func")
            else { continue }
            var parentheses = 0
            var label = ""
            var name: String?
            var dependencies: [String] = []
            for position in tokens[(index + 1)...].indices {
                let token = tokens[position]
                if token.isSign("(") { parentheses += 1 }
                if token.isSign(")") { parentheses -= 1 }
                if parentheses == 0 { break }
                if token.isSign(":") { label = tokens[position - 1].text }
                guard token.kind == .literal else { continue }
                if name == nil {
                    name = token.text
                    label = ""
                } else if label.isEmpty || label == "dependencies" {
                    dependencies.append(token.text)
                }
            }
            if let name { targets.append(Target(name: name, dependencies: dependencies, line: tokens[index].line)) }
        }
    }
}
