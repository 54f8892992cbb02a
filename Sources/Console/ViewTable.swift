/// Lines and tables for a width: what all views are printed with.
///
/// A line is a row of cells, each with a tone; colour is added when the line is written out, so that what is cut and
/// padded is text alone. A table that does not fit leaves out its least important columns, then cuts its widest texts.

/// What a cell says besides its text. Without colour the text says it alone.
enum ViewTone: Equatable {
    case plain, dim, strong, good, warning, bad

    fileprivate var escape: String {
        switch self {
        case .plain: ""
        case .dim: "\u{1B}[2m"
        case .strong: "\u{1B}[1m"
        case .good: "\u{1B}[32m"
        case .warning: "\u{1B}[33m"
        case .bad: "\u{1B}[1;31m"
        }
    }
}

struct ViewStyle: Equatable {
    var width = 80
    var usesColour = false
    var isUnicode = true

    /// A sign, or its stand-in for terminals without it.
    func sign(_ unicode: String, _ ascii: String) -> String { isUnicode ? unicode : ascii }

    var none: String { sign("—", "-") }
}

struct ViewCell: Equatable {
    var text: String
    var tone: ViewTone

    init(_ text: String, _ tone: ViewTone = .plain) {
        self.text = text
        self.tone = tone
    }
}

struct ViewLine: Equatable {
    var cells: [ViewCell]

    init(_ cells: [ViewCell]) { self.cells = cells }

    init(_ text: String, _ tone: ViewTone = .plain) { cells = [ViewCell(text, tone)] }

    static let empty = ViewLine([])

    var width: Int { cells.reduce(0) { $0 + ViewText.width($1.text) } }

    func written(_ style: ViewStyle) -> String {
        var text = ""
        var room = style.width
        for cell in cells where !cell.text.isEmpty {
            guard room > 0 else { break }
            let kept = ViewText.cut(cell.text, to: room, isUnicode: style.isUnicode)
            room -= ViewText.width(kept)
            text += style.usesColour && cell.tone != .plain ? cell.tone.escape + kept + "\u{1B}[0m" : kept
        }
        // Spaces before the end of a line are of no use to anybody who copies it.
        guard !style.usesColour else { return text }
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }
}

extension [ViewLine] {
    /// Each line with its end.
    func written(_ style: ViewStyle) -> String { map { $0.written(style) + "\n" }.joined() }

    /// Sentences are broken between words instead of being cut; what continues one is indented.
    func wrapped(_ style: ViewStyle) -> [ViewLine] { flatMap { $0.wrapped(style) } }
}

extension ViewLine {
    fileprivate func wrapped(_ style: ViewStyle) -> [ViewLine] {
        guard width > style.width, cells.count == 1, let cell = cells.first else { return [self] }
        var lines = [""]
        for word in cell.text.split(separator: " ") {
            let last = lines[lines.count - 1]
            if ViewText.width(last) + 1 + ViewText.width(String(word)) <= style.width || last.isEmpty {
                lines[lines.count - 1] += last.isEmpty ? String(word) : " \(word)"
            } else {
                lines.append("  \(word)")
            }
        }
        return lines.map { ViewLine($0, cell.tone) }
    }
}

struct ViewColumn {
    var title: String
    var isRight = false
    /// 0 stays whatever the width; of the others the highest leaves first.
    var rank = 0
}

struct ViewTable {
    var columns: [ViewColumn]
    var rows: [[ViewCell]] = []
    var hasTitles = true
    var indent = 0

    private static let gap = 2
    private static let cutWidthMin = 6

    init(_ columns: [ViewColumn], indent: Int = 0) {
        self.columns = columns
        self.indent = indent
    }

    func lines(_ style: ViewStyle) -> [ViewLine] {
        var shown = Array(columns.indices)
        var widths = columns.indices.map(naturalWidth)
        func total() -> Int { shown.reduce(0) { $0 + widths[$1] } + max(shown.count - 1, 0) * Self.gap + indent }
        while total() > style.width, let rank = shown.map({ columns[$0].rank }).max(), rank > 0,
            let leaving = shown.last(where: { columns[$0].rank == rank })
        {
            shown.removeAll { $0 == leaving }
        }
        while total() > style.width {
            // Numbers that are cut would be other numbers.
            let cuttable = shown.filter { !columns[$0].isRight && widths[$0] > Self.cutWidthMin }
            guard let widest = cuttable.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] = max(widths[widest] - (total() - style.width), Self.cutWidthMin)
        }
        var lines: [ViewLine] = []
        if hasTitles {
            lines.append(line(columns.map { ViewCell($0.title, .dim) }, shown, widths, style))
        }
        for row in rows { lines.append(line(row, shown, widths, style)) }
        return lines
    }

    private func naturalWidth(_ column: Int) -> Int {
        let texts = rows.compactMap { column < $0.count ? ViewText.width($0[column].text) : nil }
        return max(texts.max() ?? 0, hasTitles ? ViewText.width(columns[column].title) : 0)
    }

    private func line(_ row: [ViewCell], _ shown: [Int], _ widths: [Int], _ style: ViewStyle) -> ViewLine {
        var cells = indent > 0 ? [ViewCell(String(repeating: " ", count: indent))] : []
        for (place, column) in shown.enumerated() where column < row.count {
            if place > 0 { cells.append(ViewCell(String(repeating: " ", count: Self.gap))) }
            let text = ViewText.cut(row[column].text, to: widths[column], isUnicode: style.isUnicode)
            let padded = ViewText.padded(text, to: widths[column], isRight: columns[column].isRight)
            cells.append(ViewCell(padded, row[column].tone))
        }
        return ViewLine(cells)
    }
}
