/// When a key expires: every EXPIRE and PERSIST that nobody who saw it has replaced, the longest of them wins.
import Base

public struct DeadlineRegister: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var dot: Stamp
        /// Unix milliseconds; `.max` is PERSIST.
        public var deadline: Int64

        public init(dot: Stamp, deadline: Int64) {
            self.dot = dot
            self.deadline = deadline
        }
    }

    public static let persist = Int64.max

    /// In dot order.
    public internal(set) var entries: [Entry] = []

    public init() {}

    public var isBlank: Bool { entries.isEmpty }

    public var latest: Int64? { entries.map(\.deadline).max() }

    mutating func insert(_ entry: Entry) {
        guard !entries.contains(where: { $0.dot == entry.dot }) else { return }
        entries.insert(entry, at: entries.firstIndex { $0.dot > entry.dot } ?? entries.count)
    }

    mutating func clear(_ covers: (Stamp) -> Bool) { entries.removeAll { covers($0.dot) } }

    /// One entry for all up to `cut`, none when they amount to no expiry.
    mutating func settle(_ cut: Stamp, deadline: Int64?) {
        let dot = entries.last { $0.dot <= cut }?.dot
        entries.removeAll { $0.dot <= cut }
        if let dot, let deadline { insert(Entry(dot: dot, deadline: deadline)) }
    }

    /// The deadline in force. `base` is the visible value's own: it counts when it was written after every
    /// entry, which it then cannot have replaced.
    func effective(base: CellBase?) -> Int64? {
        guard let newest = entries.last, let longest = latest else { return base?.deadline }
        guard let base, base.dot > newest.dot else { return longest == Self.persist ? nil : longest }
        guard let own = base.deadline, longest != Self.persist else { return nil }
        return max(own, longest)
    }
}
