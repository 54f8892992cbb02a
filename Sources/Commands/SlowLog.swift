/// SLOWLOG's memory: the latest commands that took longer than the threshold.
import Base

public final class SlowLog: Sendable {
    public struct Entry: Sendable {
        public let id: Int64
        public let unixSeconds: Int64
        public let microseconds: UInt64
        public let arguments: [[UInt8]]
        public let clientAddress: [UInt8]
        public let clientName: [UInt8]
    }

    private struct State {
        /// Oldest first.
        var entries: [Entry] = []
        var nextID: Int64 = 0
        var entriesMax = 128
    }

    /// As many arguments, and as many bytes of each, as Redis keeps.
    private static let argumentsMax = 32
    private static let argumentBytesMax = 128

    private let state = Guarded<State>(State())

    func add(_ call: borrowing Invocation, microseconds: UInt64, nowSeconds: Int64) {
        let arguments = Self.trimmed(call)
        let address = call.session.address
        let name = call.session.name
        state.withLock { state in
            guard state.entriesMax > 0 else { return }
            state.entries.append(
                Entry(
                    id: state.nextID, unixSeconds: nowSeconds, microseconds: microseconds, arguments: arguments,
                    clientAddress: address, clientName: name))
            state.nextID += 1
            if state.entries.count > state.entriesMax { state.entries.removeFirst() }
        }
    }

    private static func trimmed(_ call: borrowing Invocation) -> [[UInt8]] {
        let count = call.arguments.count
        let shown = count > argumentsMax ? argumentsMax - 1 : count
        var result: [[UInt8]] = []
        for index in 0..<shown {
            let argument = call.arguments[index]
            if call.hidesArgument(index) {
                result.append(Array("(redacted)".utf8))
            } else if argument.count > argumentBytesMax {
                let left = argument.count - argumentBytesMax
                result.append(argument.slice(0, argumentBytesMax).array + Array("... (\(left) more bytes)".utf8))
            } else {
                result.append(argument.array)
            }
        }
        if shown < count { result.append(Array("... (\(count - shown) more arguments)".utf8)) }
        return result
    }

    /// Forgets the oldest entries above `count`, now and from now on.
    func trim(to count: Int) {
        state.withLock { state in
            state.entriesMax = count
            if state.entries.count > count { state.entries.removeFirst(state.entries.count - count) }
        }
    }

    public var count: Int { state.withLock { $0.entries.count } }

    /// The latest entries, newest first.
    public func latest(_ count: Int) -> [Entry] {
        state.withLock { Array($0.entries.suffix(count).reversed()) }
    }

    public func removeAll() { state.withLock { $0.entries.removeAll() } }
}

extension Invocation {
    /// Whether an argument is a password, which no log may show.
    func hidesArgument(_ index: Int) -> Bool {
        switch command.pointee.name.description {
        case "AUTH": return index > 0
        case "HELLO":
            return (1...2).contains { index > $0 && arguments.isWord(index - $0, "auth") }
        case "SET" where command.pointee.parent?.description == "CONFIG":
            return index > 2 && arguments.isWord(index - 1, "requirepass")
        default: return false
        }
    }
}
