/// The author of writes: node id (8 bits) and generation (2 bits).
///
/// A node that cannot be sure of its own past goes on as its next generation, so that it never reuses a stamp.
public struct Replica: Hashable, Comparable, Sendable {
    /// generation × 256 + node id; node ids run from 1 to 255.
    public let rawValue: UInt16

    public static let countMax = 1024

    @inlinable
    public init(node: UInt8, generation: UInt8) {
        precondition(node > 0 && generation < 4, "node \(node), generation \(generation)")
        rawValue = UInt16(generation) << 8 | UInt16(node)
    }

    @inlinable
    public init(rawValue: UInt16) {
        precondition(rawValue < Self.countMax, "replica \(rawValue)")
        self.rawValue = rawValue
    }

    @inlinable public var node: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    @inlinable public var generation: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }

    @inlinable
    public static func < (left: Replica, right: Replica) -> Bool { left.rawValue < right.rawValue }
}

extension Replica: CustomStringConvertible {
    public var description: String { generation == 0 ? "\(node)" : "\(node).\(generation)" }
}

/// The clock, the last-writer-wins order and the unique name of a write, in eight bytes: 42 bits of
/// milliseconds since 2024, a 12-bit counter, the 10-bit replica stored inverted so that at a tie the lower
/// replica is the later stamp and wins.
public struct Stamp: Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    /// Before every write.
    public static let zero = Stamp(rawValue: 0)
    /// After every write.
    public static let distantFuture = Stamp(rawValue: .max)

    /// 2024-01-01T00:00:00Z in Unix milliseconds.
    public static let epochMilliseconds: Int64 = 1_704_067_200_000
    public static let counterBits: UInt64 = 12
    public static let replicaBits: UInt64 = 10

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `tick` is milliseconds since 2024 shifted over the counter.
    @inlinable
    public init(tick: UInt64, replica: Replica) {
        rawValue = tick << Self.replicaBits | UInt64(1023 - replica.rawValue)
    }

    /// Milliseconds and counter together: what a later stamp must exceed.
    @inlinable public var tick: UInt64 { rawValue >> Self.replicaBits }

    @inlinable public var replica: Replica { Replica(rawValue: 1023 - UInt16(truncatingIfNeeded: rawValue & 1023)) }

    @inlinable public var counter: UInt16 { UInt16(truncatingIfNeeded: tick & 4095) }

    @inlinable
    public var unixMilliseconds: Int64 {
        Int64(rawValue >> (Self.replicaBits + Self.counterBits)) + Self.epochMilliseconds
    }

    @inlinable public var isZero: Bool { rawValue == 0 }

    /// The last stamp of any replica at this tick: what a fence is worth as a cut.
    @inlinable public var asCut: Stamp { isZero ? self : Stamp(rawValue: rawValue | 1023) }

    @inlinable
    public static func < (left: Stamp, right: Stamp) -> Bool { left.rawValue < right.rawValue }
}

extension Stamp: CustomStringConvertible {
    public var description: String {
        isZero ? "0" : "\(unixMilliseconds)+\(counter)@\(replica)"
    }
}

/// The hybrid logical clock of one partition: never behind wall time, never behind any stamp seen, and when
/// the counter of a millisecond is used up it borrows from the next one.
public struct HybridClock: Sendable {
    /// The highest tick issued or seen.
    public private(set) var tick: UInt64 = 0

    public init() {}

    @inline(__always)
    public mutating func next(unixMilliseconds: Int64, replica: Replica) -> Stamp {
        let sinceEpoch = max(unixMilliseconds - Stamp.epochMilliseconds, 0)
        tick = max(UInt64(sinceEpoch) << Stamp.counterBits, tick + 1)
        return Stamp(tick: tick, replica: replica)
    }

    /// Where the next stamp will at least stand.
    @inline(__always)
    public var unixMilliseconds: Int64 { Int64((tick &+ 1) >> Stamp.counterBits) + Stamp.epochMilliseconds }

    @inline(__always)
    public mutating func observe(_ stamp: Stamp) {
        tick = max(tick, stamp.tick)
    }
}
