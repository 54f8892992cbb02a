/// The project's own files as the rules read them, and how a broken rule is reported.
import Foundation
import Testing

struct SourceFile: Sendable {
    /// From the project's root: Sources/Base/ByteView.swift.
    let path: String
    let text: String
    let lines: [Substring]
    let tokens: [Token]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        self.lines = lines
        let isC = path.hasSuffix(".c") || path.hasSuffix(".h")
        tokens = isC || path.hasSuffix(".swift") ? Tokenizer.tokens(of: text, isC: isC) : []
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isC: Bool { path.hasSuffix(".c") || path.hasSuffix(".h") }

    /// The folder below Sources or Tests; nil for other files.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && (parts[0] == "Sources" || parts[0] == "Tests") ? String(parts[1]) : nil
    }

    var isTest: Bool { path.hasPrefix("Tests/") }
}

struct Violation: Equatable, CustomStringConvertible, Sendable {
    let path: String
    /// From 1.
    let line: Int
    let message: String

    init(_ file: SourceFile, _ line: Int, _ message: String) {
        path = file.path
        self.line = line
        self.message = message
    }

    var description: String { "\(path):\(line): \(message)" }
}

/// Files that may do what a rule forbids, each with the reason. One that no longer does it is reported too.
struct Exemptions: Sendable {
    let reasons: KeyValuePairs<String, String>

    init(_ reasons: KeyValuePairs<String, String>) { self.reasons = reasons }

    func allows(_ path: String) -> Bool { reasons.contains { $0.key == path } }

    /// What remains of `violations`, and the exemptions that excuse nothing.
    func apply(to violations: [Violation]) -> [String] {
        let stale = reasons.filter { entry in !violations.contains { $0.path == entry.key } }
        return violations.filter { !allows($0.path) }.map(\.description)
            + stale.map { "\($0.key):1: is listed as an exemption (\($0.value)) but needs none: remove the entry" }
    }
}

enum SourceTree {
    static let root: String = {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { folder.deleteLastPathComponent() }
        return folder.path
    }()

    static let package = file("Package.swift")

    /// Every Swift and C file of Sources and Tests, in order of path.
    static let code: [SourceFile] = all.filter { ($0.isSwift || $0.isC) && $0.path != "Package.swift" }

    static let swift: [SourceFile] = code.filter(\.isSwift)

    /// Every text file that belongs to the project.
    static let all: [SourceFile] = {
        var paths = ["Package.swift", "README.md", "LICENSE", ".gitignore"]
        for folder in ["Sources", "Tests", "completions", "man", ".ci"] {
            let found = FileManager.default.enumerator(atPath: "\(root)/\(folder)")
            while let name = found?.nextObject() as? String {
                // What tools leave behind belongs to nobody.
                if !name.contains("__pycache__"), !name.hasSuffix("~") { paths.append("\(folder)/\(name)") }
            }
        }
        return paths.sorted().compactMap { path in
            guard let bytes = FileManager.default.contents(atPath: "\(root)/\(path)"),
                let text = String(validating: bytes, as: UTF8.self)
            else { return nil }
            return SourceFile(path: path, text: text)
        }
    }()

    private static func file(_ path: String) -> SourceFile {
        SourceFile(path: path, text: (try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)) ?? "")
    }
}

/// Fails the running test once for each line, which begins with file and line.
func report(_ violations: [String], _ location: SourceLocation = #_sourceLocation) {
    for violation in violations { Issue.record("\(violation)", sourceLocation: location) }
}
