/// Tells replies from what a server says unasked: pushes, messages of channels, lines of MONITOR.
///
/// Each command sent leaves an expectation; a value that arrives answers the oldest one, unless it is plainly
/// something else. RESP2 has no type of its own for messages, and RESP3 confirms SUBSCRIBE by pushes only.
import Base
import RESP

struct ReplySorter {
    private enum Expectation: Equatable {
        case reply
        /// OK, and lines from then on.
        case monitor
        /// What RESET ends: subscriptions, MONITOR.
        case reset
        /// One for each channel named; without names, one for each that is subscribed, or one.
        case confirmations(Int)
    }

    enum Verdict: Equatable {
        /// Answers a command; `isLast` when nothing more belongs to it.
        case reply(isLast: Bool)
        case push
    }

    private var expected: [Expectation] = []
    private var first = 0
    private var channels: Set<[UInt8]> = []
    private var patterns: Set<[UInt8]> = []
    private var shardChannels: Set<[UInt8]> = []
    private(set) var isMonitoring = false
    /// CLIENT REPLY OFF was sent.
    private var isMuted = false
    private var skipsNext = false

    var isSubscribed: Bool { subscriptionCount > 0 }
    var subscriptionCount: Int { channels.count + patterns.count + shardChannels.count }
    /// Commands without their whole answer.
    var awaited: Int { expected.count - first }

    mutating func sent(_ arguments: [[UInt8]]) {
        let name = arguments.first.map { upper($0) } ?? ""
        if skipsNext {
            skipsNext = false
            return
        }
        if name == "CLIENT", arguments.count == 3, upper(arguments[1]) == "REPLY" {
            switch upper(arguments[2]) {
            case "OFF":
                isMuted = true
                return
            case "SKIP":
                skipsNext = !isMuted
                return
            default: isMuted = false
            }
        }
        if isMuted { return }
        switch name {
        case "MONITOR": expected.append(.monitor)
        case "RESET": expected.append(.reset)
        case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE": expected.append(.confirmations(arguments.count - 1))
        case "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
            expected.append(.confirmations(arguments.count > 1 ? arguments.count - 1 : max(known(name).count, 1)))
        default: expected.append(.reply)
        }
    }

    /// `count` more plain replies: for what was sent as bytes.
    mutating func expect(_ count: Int) {
        for _ in 0..<count { expected.append(.reply) }
    }

    mutating func arrived(_ value: ReplyValue) -> Verdict {
        let kind = messageKind(value)
        if let kind, Self.confirmations.contains(kind) { note(kind, value) }
        guard first < expected.count else { return .push }
        switch expected[first] {
        case .confirmations(let left):
            // An error, or QUEUED inside MULTI, answers the whole command.
            guard let kind, Self.confirmations.contains(kind) else { return isPush(value, kind) ? .push : finish() }
            if left <= 1 { return finish() }
            expected[first] = .confirmations(left - 1)
            return .reply(isLast: false)
        case .monitor:
            if isPush(value, kind) { return .push }
            isMonitoring = isMonitoring || !value.isError
            return finish()
        case .reset:
            if isPush(value, kind) { return .push }
            if !value.isError { forgetModes() }
            return finish()
        case .reply:
            if isPush(value, kind) { return .push }
            return finish()
        }
    }

    private mutating func finish() -> Verdict {
        first += 1
        if first == expected.count {
            expected.removeAll(keepingCapacity: true)
            first = 0
        } else if first > 4096 {
            expected.removeFirst(first)
            first = 0
        }
        return .reply(isLast: true)
    }

    private mutating func forgetModes() {
        isMonitoring = false
        channels = []
        patterns = []
        shardChannels = []
    }

    private func isPush(_ value: ReplyValue, _ kind: String?) -> Bool {
        if case .push = value { return true }
        if let kind, isSubscribed, Self.messages.contains(kind) { return true }
        if isMonitoring, case .simple(let line) = value { return isMonitorLine(line) }
        return false
    }

    private static let messages: Set<String> = ["message", "pmessage", "smessage"]
    private static let confirmations: Set<String> = [
        "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe",
    ]

    /// The first word of what may be a message.
    private func messageKind(_ value: ReplyValue) -> String? {
        switch value {
        case .push(let elements): return elements.first?.text
        case .array(let elements) where elements.count == 3 || elements.count == 4:
            guard case .bulk(let word) = elements[0], word.count <= 12 else { return nil }
            return String(decoding: word, as: UTF8.self)
        default: return nil
        }
    }

    private mutating func note(_ kind: String, _ value: ReplyValue) {
        guard let elements = value.elements, elements.count >= 2, let channel = elements[1].bytes else { return }
        switch kind {
        case "subscribe": channels.insert(channel)
        case "psubscribe": patterns.insert(channel)
        case "ssubscribe": shardChannels.insert(channel)
        case "unsubscribe": channels.remove(channel)
        case "punsubscribe": patterns.remove(channel)
        default: shardChannels.remove(channel)
        }
    }

    private func known(_ name: String) -> Set<[UInt8]> {
        switch name {
        case "UNSUBSCRIBE": channels
        case "PUNSUBSCRIBE": patterns
        default: shardChannels
        }
    }
}

/// `1712345678.123456 [0 127.0.0.1:1234] "GET" "k"`
private func isMonitorLine(_ line: [UInt8]) -> Bool {
    guard let space = line.firstIndex(of: 0x20), space + 1 < line.count, line[space + 1] == UInt8(ascii: "[") else {
        return false
    }
    return line[..<space].allSatisfy { $0 &- 48 < 10 || $0 == UInt8(ascii: ".") }
}

private func upper(_ word: [UInt8]) -> String { String(decoding: word, as: UTF8.self).uppercased() }
