/// What comes from the terminal: keys, and what is pasted, which terminals mark so that it can be told from keys.
import Base
import OS

#if canImport(Glibc)
    import Glibc
#endif

/// Finds the marks of bracketed paste among the bytes of a terminal, wherever the pieces it comes in end.
struct PasteScanner {
    enum Piece: Equatable {
        case typed([UInt8])
        case pasted([UInt8])
    }

    static let begin = Array("\u{1B}[200~".utf8)
    static let end = Array("\u{1B}[201~".utf8)

    /// The beginning of a mark, or all of a paste that has not ended.
    private var held: [UInt8] = []
    /// Bytes of it known to hold no mark.
    private var searched = 0
    private(set) var isInside = false

    mutating func take(_ bytes: [UInt8]) -> [Piece] {
        held += bytes
        var pieces: [Piece] = []
        while let found = position(of: isInside ? Self.end : Self.begin) {
            let before = Array(held[..<found])
            held.removeFirst(found + Self.begin.count)
            searched = 0
            if isInside { pieces.append(.pasted(before)) } else if !before.isEmpty { pieces.append(.typed(before)) }
            isInside.toggle()
        }
        if isInside {
            searched = max(held.count - Self.end.count + 1, 0)
            return pieces
        }
        // An escape may be a key or the beginning of a mark: libedit waits for what follows as well.
        let kept = (0..<Self.begin.count).last { held.suffix($0).elementsEqual(Self.begin.prefix($0)) } ?? 0
        if held.count > kept { pieces.append(.typed(Array(held.dropLast(kept)))) }
        held.removeFirst(held.count - kept)
        searched = 0
        return pieces
    }

    private func position(of mark: [UInt8]) -> Int? {
        var at = searched
        while let found = held[at...].firstIndex(of: mark[0]) {
            if held[found...].starts(with: mark) { return found }
            at = found + 1
        }
        return nil
    }
}

/// Bytes of the terminal that have been read and not yet been used.
struct TerminalInput {
    enum Event: Equatable {
        case key(UInt8)
        case paste([UInt8])
    }

    private var pieces: [PasteScanner.Piece] = []
    private var keys: [UInt8] = []
    private var keyAt = 0
    private var scanner = PasteScanner()
    /// Far beyond any paste; a terminal that says more than this waits.
    private static let bytesMax = 64 << 20

    /// Nil when all that has been read has been used.
    mutating func next() -> Event? {
        while true {
            if keyAt < keys.count {
                defer { keyAt += 1 }
                return .key(keys[keyAt])
            }
            guard !pieces.isEmpty else { return nil }
            switch pieces.removeFirst() {
            case .typed(let bytes): (keys, keyAt) = (bytes, 0)
            case .pasted(let bytes): return .paste(bytes)
            }
        }
    }

    var hasKeys: Bool { keyAt < keys.count }

    /// Puts bytes before all others, as if typed.
    mutating func type(_ bytes: [UInt8]) {
        keys = bytes + keys[keyAt...]
        keyAt = 0
    }

    /// Reads what is there; false at the end of the terminal.
    mutating func fill() -> Bool {
        guard let bytes = StandardInput.piece() else { return true }
        pieces += scanner.take(bytes)
        return !bytes.isEmpty
    }

    /// While lines wait that were typed or pasted ahead, takes the rest of them from the terminal too: Ctrl-C comes
    /// behind them, and would have to wait for its turn.
    mutating func fillAhead() {
        guard keyAt < keys.count || !pieces.isEmpty || scanner.isInside else { return }
        var count = 0
        while count < Self.bytesMax, Readiness.wait(0, timeoutMilliseconds: 0) == .ready {
            guard let bytes = StandardInput.piece(), !bytes.isEmpty else { return }
            count += bytes.count
            pieces += scanner.take(bytes)
        }
    }

    /// Forgets all of it.
    mutating func clear() { self = TerminalInput() }
}
