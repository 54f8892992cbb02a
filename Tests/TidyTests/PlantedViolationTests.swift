/// The rules themselves: each finds what is planted for it, on the line where it stands, and nothing more.
import Testing

@Suite struct PlantedViolationTests {
    private let layout = PackageLayout(
        SourceFile(
            path: "Package.swift",
            text: """
                ///     App → Shell
                ///     Shell → Core System
                ///     ──── below ────
                ///     Core → Middle      Middle Side → Base → CBits
                module("Base", ["CBits"]), module("Middle", ["Base"]), module("Side", ["Base"]),
                module("Core", ["Base", "Middle"]), module("System", []), .target(name: "CBits"),
                module("Shell", ["Core", "System", "Base"]),
                .executableTarget(name: "App", dependencies: ["Shell"], swiftSettings: settings),
                tests("BaseTests", ["Base"]),
                """))

    private func lines(_ violations: [Violation]) -> [Int] { violations.map(\.line) }

    private func source(_ text: String, path: String = "Sources/Base/Planted.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    @Test("A package whose targets follow the arrows passes")
    func goodPackage() { #expect(LayerRules(layout: layout).checkPackage() == []) }

    @Test(
        "A package whose targets or arrows break the layers does not",
        arguments: [
            ("///     A → B\n///     ── x ──\n///     B → C\nmodule(\"B\", [\"A\"])", 4),
            ("///     A → B\n///     ── x ──\n///     B → C\nmodule(\"C\", [\"B\"])", 4),
            ("///     A → B\n///     ── x ──\n///     B → C\nmodule(\"D\", [])", 4),
            ("///     A → B\n///     ── x ──\n///     B → C → B\n", 1),
            ("///     A → D\n///     ── x ──\n///     B → C\nmodule(\"B\", [\"D\"])", 4),
            ("module(\"B\", [])", 1),
        ])
    func badPackage(text: String, line: Int) {
        let rules = LayerRules(layout: PackageLayout(SourceFile(path: "Package.swift", text: text)))
        #expect(lines(rules.checkPackage()).contains(line))
    }

    @Test(
        "Imports",
        arguments: [
            ("import Base\nimport Core", "Sources/Middle/F.swift", [2]),
            ("import Synchronization\n@testable import Middle", "Sources/Base/F.swift", [2]),
            ("import Glibc", "Sources/Base/F.swift", [1]), ("import Glibc", "Sources/Shell/F.swift", []),
            ("import struct Foundation.Date", "Sources/Shell/F.swift", [1]),
            ("#if x\n    public import Dispatch\n#endif", "Sources/Core/F.swift", [2]),
            ("import Base\nimport Foundation\nimport Core", "Tests/BaseTests/F.swift", [3]),
            ("// import Core\nlet x = \"import Core\"", "Sources/Base/F.swift", []),
            ("let x = 1", "Sources/Nowhere/F.swift", [1]),
        ])
    func imports(text: String, path: String, expected: [Int]) {
        #expect(lines(LayerRules(layout: layout).check(source(text, path: path))) == expected)
    }

    @Test("Below the line: async, await, existentials, package access; above it they may be")
    func determinism() {
        let text = """
            func f() async {}
            let a = await f()
            let b: any Error
            // any Error, async
            let c = "any Error \\(b)"
            package func g() {}
            func h(any: Int, _ x: [any ~Copyable]) { x.any() }
            """
        let rules = LayerRules(layout: layout)
        #expect(lines(rules.check(source(text, path: "Sources/Core/F.swift"))) == [1, 2, 3, 6, 7])
        #expect(rules.check(source(text, path: "Sources/Shell/F.swift")) == [])
    }

    @Test("A long file, from the first line too many")
    func fileLength() {
        let limit = String(repeating: "x\n", count: TextRules.fileLinesMax)
        #expect(TextRules.fileLength(source(limit)) == [])
        #expect(lines(TextRules.fileLength(source(limit + "x\n"))) == [TextRules.fileLinesMax + 1])
    }

    @Test("A long function, at its first line, whatever its kind; braces in text do not count")
    func functionLength() {
        let body = String(repeating: "    x(\"}\") // }\n", count: CodeRules.functionLinesMax - 1)
        for start in [
            "func f<T>(_ a: () -> Void = {}) -> [T] {", "init() {", "deinit {", "var x: Int {",
            "subscript(i: Int) -> Int {",
        ] {
            #expect(lines(CodeRules.functionLength(source("\n" + start + "\n" + body + "}\n"))) == [2], "\(start)")
            let fits = "\n" + start + "\n" + body.dropFirst(16) + "}\n"
            #expect(CodeRules.functionLength(source(fits)) == [], "\(start)")
        }
        let requirement = "protocol P {\n    func f()\n    var x: Int { get }\n    func g()\n}\nlet t = [\n\(body)]\n"
        #expect(CodeRules.functionLength(source(requirement)) == [])
        let c = "struct s { int x; };\nint f(char c) {\n    c = '\"';\n" + body + "}\n"
        #expect(lines(CodeRules.functionLength(source(c, path: "Sources/CBits/f.c"))) == [2])
    }

    @Test("A file that does not say what it is")
    func opening() {
        #expect(TextRules.opening(source("/// What this is.\nimport Base\n")) == [])
        for text in ["import Base\n", "", "///\n", "\n/// Too late.\n"] {
            #expect(lines(TextRules.opening(source(text))) == [1])
        }
    }

    @Test("Words for unfinished work, as words")
    func unfinishedWork() {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
        for word in words {
            #expect(lines(TextRules.unfinishedWork(source("let x = 1\n// \(word): later"))) == [2])
            #expect(TextRules.unfinishedWork(source("let \(word)4 = \"A\(word)\"")) == [])
        }
    }

    @Test("Paths of one machine")
    func machinePaths() {
        for path in ["work/x", "home/somebody", "root/.ssh", "work", "Users/somebody"] {
            #expect(lines(TextRules.machinePaths(source("\n// see /\(path)"))) == [2], "\(path)")
        }
        let harmless = "a/home/b ~/work/x ./root/y /proc/self /tmp/a2 /homepage read/work https://x/home"
        #expect(TextRules.machinePaths(source(harmless)) == [])
    }

    @Test("Force, in all its forms; negation is none")
    func forcedUnwraps() {
        let text = """
            let a = b!
            let c = f(x)!.y
            let d = try! g()
            let e = h as! Int
            var i: Int!
            let j = k[0]!
            if !a, a != b, (!c) { x = !d ? "e!" : "\\(f!)" }
            #if !os(Linux)
            // b!
            """
        #expect(lines(CodeRules.forcedUnwraps(source(text))) == [1, 2, 3, 4, 5, 6, 7])
    }

    @Test("Promises to the compiler, and words that only listed files may say")
    func listedWords() {
        let text = """
            struct A: @unchecked Sendable {}
            nonisolated(unsafe) let x = y.unsafelyUnwrapped
            unowned(unsafe) let z: A
            // @unchecked Sendable unsafelyUnwrapped
            let t = "@unchecked Sendable unsafelyUnwrapped nonisolated(unsafe)"
            fatalError("no")
            """
        #expect(lines(CodeRules.uncheckedSharing(source(text))) == [1, 2, 3])
        #expect(lines(CodeRules.word("unsafelyUnwrapped", source(text))) == [2])
        #expect(lines(CodeRules.word("fatalError", source(text))) == [6])
    }

    @Test("An exemption excuses its file only, and is reported when nothing needs it")
    func exemptions() {
        let found = [Violation(source("x"), 3, "m"), Violation(source("x", path: "Sources/Base/B.swift"), 4, "m")]
        let exemptions = Exemptions(["Sources/Base/Planted.swift": "r", "Sources/Base/Gone.swift": "r"])
        let reported = exemptions.apply(to: found)
        #expect(reported.count == 2)
        #expect(reported.first == "Sources/Base/B.swift:4: m")
        #expect(reported.last?.hasPrefix("Sources/Base/Gone.swift:1: ") == true)
    }
}
