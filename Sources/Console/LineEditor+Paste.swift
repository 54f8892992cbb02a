/// A paste of several lines: nothing of it runs before the user has said so.
import CEdit
import OS

/// What has been pasted, from the question about it until its last line has run.
struct PastedLines {
    private var lines: ArraySlice<String> = []
    /// What goes on the line that is edited next: the unfinished last line, or what stood there before.
    private var rest: String?
    private var former = ""
    private(set) var isUndecided = false

    /// Line ends as one byte, without the control characters that would do something on a terminal. Those at the very
    /// end are left to the user, who presses Return for one line.
    static func text(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var former: UInt8 = 0
        for byte in bytes {
            if byte == 0x0A, former == 0x0D {
            } else if byte == 0x0D || byte == 0x0A {
                text.append(0x0A)
            } else if byte == 0x09 || byte >= 0x20 && byte != 0x7F {
                text.append(byte)
            }
            former = byte
        }
        let first = text.firstIndex(of: 0x0A) ?? text.count
        return text[first...].allSatisfy { $0 == 0x0A } ? Array(text[..<first]) : text
    }

    /// `before` and `behind` stand around the place.
    mutating func offer(_ text: [UInt8], before: String, behind: String) {
        var all = text.split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        all[0] = before + all[0]
        rest = all.removeLast() + behind
        former = before + behind
        lines = all.filter { !$0.trimmingBlanks.isEmpty }[...]
        isUndecided = true
    }

    var count: Int { lines.count }

    mutating func decide(_ isWanted: Bool) {
        isUndecided = false
        if isWanted { return }
        lines = []
        rest = former
    }

    mutating func next() -> String? { isUndecided ? nil : lines.popFirst() }

    /// Once the lines have run.
    mutating func takeRest() -> String? {
        guard lines.isEmpty, let text = rest else { return nil }
        rest = nil
        return text
    }

    /// The number of lines that will not run.
    mutating func clear() -> Int {
        let count = lines.count
        self = PastedLines()
        return count
    }
}

extension LineEditor {
    /// The next line that was pasted, shown as if typed. Ctrl-C ends all of them.
    func nextPastedLine() -> String? {
        guard let line = pasted.next() else { return nil }
        let bits = a2_console_signals_take()
        if bits & Int32(A2_SIGNALLED_END) != 0 {
            isEnding = true
            return nil
        }
        if bits & Int32(A2_SIGNALLED_INTERRUPT) != 0 {
            wasInterrupted = true
            dropAhead()
            return nil
        }
        Terminal.print(session.prompt.text + line + "\n")
        return line
    }

    /// Asks about what was pasted, unless nothing is to be asked.
    func decide() {
        let question =
            (pasted.count == 1 ? "Run the pasted line?" : "Run the \(pasted.count) pasted lines?") + " (yes/no) "
        let answer = session.settings.isSure ? "yes" : session.askLine?(question)
        let isWanted = ["y", "yes"].contains(answer?.lowercased() ?? "")
        if !isWanted { Terminal.print("Not run.\n") }
        pasted.decide(isWanted)
    }
}
