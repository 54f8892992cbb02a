/// The option of SET and GETEX that says when the key ends.
import Base
import Engine

struct ExpiryOption {
    enum Kind {
        case none
        /// From now on.
        case seconds, milliseconds
        /// Since 1970.
        case unixSeconds, unixMilliseconds
        case keep, persist
    }

    private(set) var kind = Kind.none
    private var timeIndex = 0

    /// Takes the option at `index`, and its time with it. An option may stand twice, the last one counting,
    /// but not beside another one. `alternative` is the word without a time that the command knows.
    mutating func take(
        _ arguments: Arguments, _ index: inout Int, alternative: (word: StaticString, kind: Kind)
    ) throws(CommandError) {
        let named: Kind
        if arguments.isWord(index, "ex") {
            named = .seconds
        } else if arguments.isWord(index, "px") {
            named = .milliseconds
        } else if arguments.isWord(index, "exat") {
            named = .unixSeconds
        } else if arguments.isWord(index, "pxat") {
            named = .unixMilliseconds
        } else if arguments.isWord(index, alternative.word) {
            named = alternative.kind
        } else {
            throw .syntax
        }
        guard kind == .none || kind == named else { throw .syntax }
        kind = named
        if named == alternative.kind { return }
        guard index + 1 < arguments.count else { throw .syntax }
        index += 1
        timeIndex = index
    }

    /// What SET makes of it.
    func change(_ call: borrowing Invocation) throws(CommandError) -> DeadlineChange {
        switch kind {
        case .none, .persist: .none
        case .keep: .keep
        case .seconds, .milliseconds, .unixSeconds, .unixMilliseconds: .at(milliseconds: try deadline(call))
        }
    }

    func deadline(_ call: borrowing Invocation) throws(CommandError) -> Int64 {
        try Self.deadline(call, at: timeIndex, kind)
    }

    /// The moment that the time at an argument index means, in Unix milliseconds.
    static func deadline(
        _ call: borrowing Invocation, at index: Int, _ kind: Kind
    ) throws(CommandError) -> Int64 {
        let time = try call.arguments.integer(index)
        guard time > 0 else { throw .invalidExpireTime(call) }
        var milliseconds = time
        if kind == .seconds || kind == .unixSeconds {
            let (product, overflow) = time.multipliedReportingOverflow(by: 1000)
            if overflow { throw .invalidExpireTime(call) }
            milliseconds = product
        }
        if kind == .seconds || kind == .milliseconds {
            let (sum, overflow) = milliseconds.addingReportingOverflow(call.nowMilliseconds)
            if overflow { throw .invalidExpireTime(call) }
            milliseconds = sum
        }
        // The very last millisecond stands for "never" in records.
        return min(milliseconds, .max - 1)
    }
}
