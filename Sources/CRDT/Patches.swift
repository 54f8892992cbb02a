/// APPEND, SETRANGE and SETBIT as stamped changes of a value, so that concurrent ones all survive.
import Base

public enum PatchOperation: Equatable, Sendable {
    case append([UInt8])
    case overwrite(offset: Int, bytes: [UInt8])
    /// Bit 0 is the highest of the first byte, as in Redis.
    case setBit(offset: Int, bit: Bool)

    /// Whether a value of `Limits.bulkBytesMax` can take it.
    public var isWithinLimits: Bool {
        switch self {
        case .append(let bytes): bytes.count <= Limits.bulkBytesMax
        case .overwrite(let offset, let bytes):
            offset >= 0 && offset <= Limits.bulkBytesMax && bytes.count <= Limits.bulkBytesMax - offset
        case .setBit(let offset, _): offset >= 0 && offset / 8 < Limits.bulkBytesMax
        }
    }

    public func apply(to value: inout [UInt8]) {
        switch self {
        case .append(let bytes):
            value += bytes
        case .overwrite(let offset, let bytes):
            if bytes.isEmpty { return }
            Self.pad(&value, to: offset + bytes.count)
            value.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .setBit(let offset, let bit):
            Self.pad(&value, to: offset / 8 + 1)
            let mask: UInt8 = 0x80 >> UInt8(offset % 8)
            if bit { value[offset / 8] |= mask } else { value[offset / 8] &= ~mask }
        }
    }

    private static func pad(_ value: inout [UInt8], to count: Int) {
        if value.count < count { value += repeatElement(0, count: count - value.count) }
    }
}

/// The value a patch was made on.
public enum PatchTarget: Equatable, Sendable {
    /// No base was there: the key was absent, or made of patches alone.
    case empty
    /// The base written by this dot.
    case base(Stamp)
    /// What all records of the key up to this stamp had become: the author held the key settled at it. A
    /// receiver settles its own parts up to the stamp first. That is safe, because what the author had not
    /// seen when it settled was written by someone who had seen all of those parts.
    case settled(Stamp)

    public var stamp: Stamp {
        switch self {
        case .empty: .zero
        case .base(let stamp), .settled(let stamp): stamp
        }
    }
}

/// The patches one frame made on a cell.
public struct Patch: Equatable, Sendable {
    public var stamp: Stamp
    /// The dot of the base it belongs to; zero for none. When that base is gone the patch stands alone.
    public var target: Stamp
    public var operations: [PatchOperation]

    public init(stamp: Stamp, target: Stamp, operations: [PatchOperation]) {
        self.stamp = stamp
        self.target = target
        self.operations = operations
    }
}
