/// "Did you mean": the known word nearest to a mistyped one.

/// Nil when nothing is near enough to be meant.
public func nearestWord(to word: String, among words: [String]) -> String? {
    let word = Array(word.lowercased().utf8)
    let bound = max(1, word.count / 3)
    var best: (word: String, distance: Int)?
    for candidate in words {
        let distance = editDistance(word, Array(candidate.utf8))
        if distance <= bound, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.word
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word of the other.
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    // Nobody means a word this long by another; the table stays small.
    if max(left.count, right.count) > 64 { return .max }
    var rows = [Array(0...right.count)]
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let change = rows[row][column] + (left[row] == right[column] ? 0 : 1)
            var least = min(change, rows[row][column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                least = min(least, rows[row - 1][column - 1] + 1)
            }
            current.append(least)
        }
        rows.append(current)
    }
    return rows[left.count][right.count]
}
