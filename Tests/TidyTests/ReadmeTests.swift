/// README points at the code; what it points at must be there.
import Foundation
import Testing

@Suite struct ReadmeTests {
    private let readme: SourceFile

    init() throws { readme = try #require(SourceTree.all.first { $0.path == "README.md" }) }

    /// The targets of `[text](path)` that are no addresses, without what stands after #.
    static func links(in line: Substring) -> [String] {
        line.split(separator: "](").dropFirst().compactMap { rest in
            guard let end = rest.firstIndex(of: ")") else { return nil }
            let path = rest[..<end].prefix { $0 != "#" }
            return path.isEmpty || path.contains("://") ? nil : String(path)
        }
    }

    @Test("Every link of README leads to a file or folder")
    func links() {
        var count = 0
        for (index, line) in readme.lines.enumerated() {
            for path in Self.links(in: line) {
                count += 1
                let exists = FileManager.default.fileExists(atPath: "\(SourceTree.root)/\(path)")
                #expect(exists, "README.md:\(index + 1): there is no \(path)")
            }
        }
        #expect(count > 10)
    }

    @Test("README shows the layers as Package.swift has them")
    func layers() {
        let layers = SourceTree.package.lines.filter { $0.hasPrefix("///     ") }.map { $0.dropFirst(8) }
        #expect(layers.count > 5)
        #expect(readme.text.contains(layers.joined(separator: "\n") + "\n"))
    }

    @Test("A link is found wherever it stands")
    func planted() {
        #expect(Self.links(in: "[a](b/c.swift) and [d](e#f), [g](https://h), [i](#j)") == ["b/c.swift", "e"])
    }
}
