/// Rules about files as text: how long they are, how they begin, what they may not say.

enum TextRules {
    static let fileLinesMax = 600

    static func fileLength(_ file: SourceFile) -> [Violation] {
        guard file.lines.count > fileLinesMax else { return [] }
        return [Violation(file, fileLinesMax + 1, "\(file.lines.count) lines; at most \(fileLinesMax)")]
    }

    /// The first line tells what the file is.
    static func opening(_ file: SourceFile) -> [Violation] {
        let first = file.lines.first ?? ""
        let isComment = first.hasPrefix("// ") || first.hasPrefix("/// ") || file.isC && first.hasPrefix("/*")
        let isToolsVersion = first.hasPrefix("// swift-tools-version")
        return isComment && !isToolsVersion && first.count > 8
            ? [] : [Violation(file, 1, "begins without a comment that says what the file is")]
    }

    // Put together here, so that this file does not say them.
    private static let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]

    static func unfinishedWork(_ file: SourceFile) -> [Violation] {
        var found: [Violation] = []
        for (index, line) in file.lines.enumerated() {
            for word in unfinished where contains(word, in: line) {
                found.append(Violation(file, index + 1, "\(word): finish it or leave it out"))
            }
        }
        return found
    }

    private static func isWordCharacter(_ character: Character?) -> Bool {
        guard let character else { return false }
        return character == "_" || character.isLetter || character.isNumber
    }

    /// `word` between characters that belong to no word.
    static func contains(_ word: String, in line: Substring) -> Bool {
        var rest = line
        while let range = rest.firstRange(of: word) {
            let before = range.lowerBound > line.startIndex ? line[line.index(before: range.lowerBound)] : nil
            let after = range.upperBound < line.endIndex ? line[range.upperBound] : nil
            if !isWordCharacter(before), !isWordCharacter(after) { return true }
            rest = line[range.upperBound...]
        }
        return false
    }

    private static let machineFolders = ["work", "home", "root", "Users", "mnt", "workspace"]

    /// Absolute paths of somebody's machine; those of any Linux, such as /proc and /tmp, are no business of it.
    static func machinePaths(_ file: SourceFile) -> [Violation] {
        var found: [Violation] = []
        for (index, line) in file.lines.enumerated() where line.utf8.contains(UInt8(ascii: "/")) {
            for folder in machineFolders where containsPath(folder, in: line) {
                found.append(Violation(file, index + 1, "a path of one machine: /\(folder)"))
            }
        }
        return found
    }

    private static func containsPath(_ folder: String, in line: Substring) -> Bool {
        var rest = line
        while let range = rest.firstRange(of: "/" + folder) {
            let before = range.lowerBound > line.startIndex ? line[line.index(before: range.lowerBound)] : nil
            let after = range.upperBound < line.endIndex ? line[range.upperBound] : nil
            let continues = before.map { isWordCharacter($0) || "./~-}*)$".contains($0) } ?? false
            // A folder alone is named as well as one with something in it; "/homepage" is none of them.
            if !continues, !isWordCharacter(after), after != "-" { return true }
            rest = line[range.upperBound...]
        }
        return false
    }
}
