/// What a partition remembers of removes that arrived before what they remove.
///
/// Frames of different origins come in any order, so a remove can name a write that is still on its way.
/// `Deferred` holds exact dots, `PendingClears` whole contexts; both empty themselves as the versions catch up.
import Base

/// A key in its logical database.
public struct DatabaseKey: Hashable, Comparable, Sendable {
    public var database: Int
    public var key: [UInt8]

    public init(database: Int, key: [UInt8]) {
        self.database = database
        self.key = key
    }

    public static func < (left: DatabaseKey, right: DatabaseKey) -> Bool {
        left.database != right.database
            ? left.database < right.database : left.key.lexicographicallyPrecedes(right.key)
    }
}

/// Removed dots not yet seen.
public struct Deferred: Sendable {
    /// `element` is nil for a dot of the deadline register.
    public struct Dot: Hashable, Sendable {
        public var stamp: Stamp
        public var element: [UInt8]?

        public init(stamp: Stamp, element: [UInt8]?) {
            self.stamp = stamp
            self.element = element
        }
    }

    private var dots: [DatabaseKey: [Dot]] = [:]

    public init() {}

    public var isEmpty: Bool { dots.isEmpty }

    public mutating func insert(_ dot: Dot, of key: DatabaseKey) {
        if dots[key]?.contains(dot) != true { dots[key, default: []].append(dot) }
    }

    public func contains(_ dot: Dot, of key: DatabaseKey) -> Bool {
        dots.isEmpty ? false : dots[key]?.contains(dot) == true
    }

    /// Forgets the dots that `versions` cover: they have come and were refused, or never will.
    public mutating func purge(_ versions: Versions) {
        if dots.isEmpty { return }
        dots = dots.compactMapValues { dots in
            let left = dots.filter { !versions.covers($0.stamp) }
            return left.isEmpty ? nil : left
        }
    }

    /// Everything, in key order: what a snapshot's section stores.
    public var sorted: [(key: DatabaseKey, dots: [Dot])] {
        dots.sorted { $0.key < $1.key }.map { (key: $0.key, dots: $0.value) }
    }
}

/// Clears whose context the receiver has not yet applied: what they cover is refused when it arrives.
public struct PendingClears: Sendable {
    public struct Clear: Sendable {
        public var context: FrameContext
        public var slots: Slots

        public init(context: FrameContext, slots: Slots) {
            self.context = context
            self.slots = slots
        }
    }

    private var keys: [DatabaseKey: [Clear]] = [:]
    private var databases: [(database: Int, clear: Clear)] = []

    public init() {}

    public var isEmpty: Bool { keys.isEmpty && databases.isEmpty }

    public mutating func insert(_ clear: Clear, of key: DatabaseKey) { keys[key, default: []].append(clear) }

    /// A FLUSHDB: covers every key of the database.
    public mutating func insert(_ clear: Clear, ofDatabase database: Int) {
        databases.append((database: database, clear: clear))
    }

    public func covers(_ dot: Stamp, in slot: Slots, of key: DatabaseKey) -> Bool {
        if isEmpty { return false }
        func hit(_ clear: Clear) -> Bool { clear.slots.contains(slot) && clear.context.covers(dot) }
        return keys[key]?.contains(where: hit) == true
            || databases.contains { $0.database == key.database && hit($0.clear) }
    }

    public mutating func purge(_ versions: Versions) {
        if isEmpty { return }
        keys = keys.compactMapValues { clears in
            let left = clears.filter { !$0.context.isCovered(by: versions) }
            return left.isEmpty ? nil : left
        }
        databases.removeAll { $0.clear.context.isCovered(by: versions) }
    }

    /// Everything, in key order: what a snapshot's section stores.
    public var sortedKeys: [(key: DatabaseKey, clears: [Clear])] {
        keys.sorted { $0.key < $1.key }.map { (key: $0.key, clears: $0.value) }
    }

    public var databaseClears: [(database: Int, clear: Clear)] { databases }
}
