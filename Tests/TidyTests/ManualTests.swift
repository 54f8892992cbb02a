/// a2-replication(7) explains lines of the log; they must be lines that a2 writes.
import Foundation
import Testing

@testable import Commands

@Suite struct ManualTests {
    /// The parts of a quoted line that are always the same, of all lines of an entry.
    static func fragments(of term: String) -> [String] {
        term.split(separator: "…").flatMap { part in
            // Where an entry has several lines, they stand behind semicolons.
            part.components(separatedBy: "; ").map { $0.trimmingCharacters(in: .whitespaces.union(["."])) }
        }.filter { $0.count > 2 }
    }

    /// What stands in string literals, those that "+" joins over several lines put together.
    static func joined(_ text: String) -> String { text.replacing(/"\s*\n\s*\+ "/, with: "") }

    @Test("Every log line that a2-replication(7) explains is one that a2 writes")
    func logLines() {
        let writers = ["Sources/Core/", "Sources/Replication/", "Sources/Server/"]
        let texts = SourceTree.swift.filter { file in writers.contains { file.path.hasPrefix($0) } }
            .map { Self.joined($0.text) }
        #expect(texts.count > 10)
        for item in ReplicationPage.troubles {
            let fragments = Self.fragments(of: item.term)
            #expect(!fragments.isEmpty, "\(item.term)")
            for fragment in fragments {
                let isWritten = texts.contains { $0.contains(fragment) }
                #expect(isWritten, "nobody writes \"\(fragment)\" of \"\(item.term)\"")
            }
        }
    }

    @Test("Lines are taken apart where they vary")
    func planted() {
        #expect(
            Self.fragments(of: "… has no secret and … has one; refused: …") == [
                "has no secret and", "has one", "refused:",
            ])
        #expect(Self.joined("\"a b \"\n    + \"c\"") == "\"a b c\"")
    }
}
