/// What the server remembers of one client between two commands.
import Base
import Engine

public struct Session: ~Copyable {
    public let id: UInt64
    /// Where the client connects from: "127.0.0.1:50123".
    public var address: [UInt8] = []
    public var database = 0
    public var isAuthenticated: Bool
    public var name: [UInt8] = []
    public var libraryName: [UInt8] = []
    public var libraryVersion: [UInt8] = []
    /// Commands since MULTI; nil outside a transaction.
    public var transaction: Transaction?
    /// Partitions in which this client watches a key.
    public var watchedPartitions = PartitionSet()
    public var replyMode = ReplyMode.on
    public var isMonitor = false
    public var isNoEvict = false
    public var isNoTouch = false
    /// Commands must take the long way: a transaction, a reply mode, a missing AUTH, a monitor somewhere.
    public var needsCare: Bool

    public enum ReplyMode: Sendable {
        case on, off
        /// CLIENT REPLY SKIP has been seen: the next command's reply is dropped.
        case skipNext
    }

    public init(id: UInt64, isAuthenticated: Bool) {
        self.id = id
        self.isAuthenticated = isAuthenticated
        needsCare = !isAuthenticated
    }

    /// To be called after any change of the fields it reads.
    public mutating func refreshNeedsCare() {
        needsCare =
            !isAuthenticated || transaction != nil || replyMode != .on || isMonitor || isNoTouch || isNoEvict
    }

    /// Whether the client is on this machine.
    public var isLocal: Bool {
        address.starts(with: "127.".utf8) || address.starts(with: "[::1]:".utf8) || address.starts(with: "/".utf8)
    }

    public var isWatching: Bool { !watchedPartitions.isEmpty }
}

/// A set of the 256 partitions, in order.
public struct PartitionSet: Sendable, Equatable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    public init() {}

    public static let all: PartitionSet = {
        var set = PartitionSet()
        set.words = (.max, .max, .max, .max)
        return set
    }()

    public static func == (left: PartitionSet, right: PartitionSet) -> Bool { left.words == right.words }

    public var isEmpty: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

    public mutating func insert(_ partition: Int) {
        let bit = UInt64(1) << UInt64(partition & 63)
        switch partition >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    public func contains(_ partition: Int) -> Bool {
        let word =
            switch partition >> 6 {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            default: words.3
            }
        return word >> UInt64(partition & 63) & 1 == 1
    }

    public mutating func formUnion(_ other: PartitionSet) {
        words.0 |= other.words.0
        words.1 |= other.words.1
        words.2 |= other.words.2
        words.3 |= other.words.3
    }

    /// Visits the partitions in ascending order.
    @inline(__always)
    public func forEach(_ body: (Int) -> Void) {
        Self.visit(words.0, 0, body)
        Self.visit(words.1, 64, body)
        Self.visit(words.2, 128, body)
        Self.visit(words.3, 192, body)
    }

    @inline(__always)
    private static func visit(_ word: UInt64, _ base: Int, _ body: (Int) -> Void) {
        var rest = word
        while rest != 0 {
            body(base + rest.trailingZeroBitCount)
            rest &= rest &- 1
        }
    }
}
