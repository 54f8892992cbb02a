/// One key and its value in one allocation.
///
///     0  stamp        u64   the latest write; of a plain string also its dot
///     8  access       u32   LRU seconds or LFU counter and minutes
///    12  kind         u8
///    13  flags        u8
///    14  key length   u16   65535: the real one stands in front of the key
///    16  value length u32
///    20  [deadline i64] [key length u32] key, value
///
/// A value is inline bytes, an inline integer, a counted block (large), a counter whose increments have not
/// settled (see CompactCounter), or the general state of a key whose history has not settled. Guarded by its
/// partition's lock.
import Base
import CIntrinsics

public struct Entry {
    public let address: UnsafeMutableRawPointer

    public enum Kind: UInt8 {
        case bytes, integer, shared, general, counter
    }

    static let headerBytes = 20
    private static let flagDeadline: UInt8 = 1
    private static let flagWideKey: UInt8 = 2
    private static let flagRaw: UInt8 = 4
    private static let flagWaits: UInt8 = 8
    private static let keyLengthWide = 65535

    @inline(__always)
    init(address: UnsafeMutableRawPointer) { self.address = address }

    @inline(__always)
    public var stamp: Stamp {
        get { Stamp(rawValue: address.load(as: UInt64.self)) }
        nonmutating set { address.storeBytes(of: newValue.rawValue, as: UInt64.self) }
    }

    @inline(__always)
    public var access: UInt32 {
        get { address.load(fromByteOffset: 8, as: UInt32.self) }
        nonmutating set { address.storeBytes(of: newValue, toByteOffset: 8, as: UInt32.self) }
    }

    @inline(__always)
    public var kind: Kind {
        Kind(rawValue: address.load(fromByteOffset: 12, as: UInt8.self)).unsafelyUnwrapped
    }

    @inline(__always)
    private var flags: UInt8 {
        get { address.load(fromByteOffset: 13, as: UInt8.self) }
        nonmutating set { address.storeBytes(of: newValue, toByteOffset: 13, as: UInt8.self) }
    }

    @inline(__always)
    private var isWide: Bool { flags & Self.flagWideKey != 0 }

    @inline(__always)
    public var hasDeadline: Bool { flags & Self.flagDeadline != 0 }

    /// Written by APPEND, SETRANGE or SETBIT: what OBJECT ENCODING calls raw whatever its length.
    @inline(__always)
    public var isRaw: Bool {
        get { flags & Self.flagRaw != 0 }
        nonmutating set { flags = newValue ? flags | Self.flagRaw : flags & ~Self.flagRaw }
    }

    /// Stands in the partition's queue of what is to settle; plain values may still do.
    @inline(__always)
    var waits: Bool {
        get { flags & Self.flagWaits != 0 }
        nonmutating set { flags = newValue ? flags | Self.flagWaits : flags & ~Self.flagWaits }
    }

    /// A history that has not settled, in either form.
    @inline(__always)
    var isUnsettled: Bool { kind.rawValue >= Kind.general.rawValue }

    @inline(__always)
    public var keyLength: Int {
        let short = Int(address.load(fromByteOffset: 14, as: UInt16.self))
        if short != Self.keyLengthWide { return short }
        return Int(address.loadUnaligned(fromByteOffset: Self.headerBytes + (hasDeadline ? 8 : 0), as: UInt32.self))
    }

    @inline(__always)
    private var keyOffset: Int {
        Self.headerBytes + (hasDeadline ? 8 : 0) + (isWide ? 4 : 0)
    }

    @inline(__always)
    public var key: ByteView {
        ByteView(start: (address + keyOffset).assumingMemoryBound(to: UInt8.self), count: keyLength)
    }

    /// Bytes the value takes inside the entry.
    @inline(__always)
    var storedValueLength: Int { valueLength }

    @inline(__always)
    private var valueLength: Int { Int(address.load(fromByteOffset: 16, as: UInt32.self)) }

    @inline(__always)
    var valueAddress: UnsafeMutableRawPointer { address + keyOffset + keyLength }

    /// The value's bytes; only of kind `.bytes`.
    @inline(__always)
    public var inlineBytes: ByteView {
        ByteView(start: valueAddress.assumingMemoryBound(to: UInt8.self), count: valueLength)
    }

    @inline(__always)
    public var integer: Int64 {
        get { valueAddress.loadUnaligned(as: Int64.self) }
        nonmutating set { valueAddress.storeBytes(of: newValue, as: Int64.self) }
    }

    @inline(__always)
    public var block: SharedBlock {
        get { SharedBlock(address: valueAddress.loadUnaligned(as: UnsafeMutableRawPointer.self)) }
        nonmutating set { valueAddress.storeBytes(of: newValue.address, as: UnsafeMutableRawPointer.self) }
    }

    @inline(__always)
    var general: Unmanaged<GeneralState> {
        .fromOpaque(valueAddress.loadUnaligned(as: UnsafeRawPointer.self))
    }

    func setGeneral(_ state: Unmanaged<GeneralState>) {
        valueAddress.storeBytes(of: UnsafeRawPointer(state.toOpaque()), as: UnsafeRawPointer.self)
    }

    /// Unix milliseconds at which the key ends; only where `hasDeadline`.
    @inline(__always)
    public var deadlineMilliseconds: Int64 {
        get { address.loadUnaligned(fromByteOffset: Self.headerBytes, as: Int64.self) }
        nonmutating set { address.storeBytes(of: newValue, toByteOffset: Self.headerBytes, as: Int64.self) }
    }

    @inline(__always)
    var allocatedBytes: Int { keyOffset + keyLength + valueLength }

    /// What the entry and what it owns take in memory.
    public var footprintBytes: Int {
        Arena.roundedUp(allocatedBytes) + (kind == .shared ? block.footprintBytes : 0)
            + (kind == .general ? general.takeUnretainedValue().footprintBytes : 0)
    }

    @inline(__always)
    public func matches(_ other: ByteView) -> Bool {
        keyLength == other.count && a2_memory_compare(address + keyOffset, other.start, other.count) == 0
    }

    static func bytesNeeded(key: Int, value: Int, deadline: Bool) -> Int {
        headerBytes + (deadline ? 8 : 0) + (key >= keyLengthWide ? 4 : 0) + key + value
    }

    /// Lays out header and key; the caller writes the value's bytes.
    @inline(__always)
    func initialize(kind: Kind, key: ByteView, valueLength: Int, deadline: Int64?, stamp: Stamp, access: UInt32) {
        let wide = key.count >= Self.keyLengthWide
        self.stamp = stamp
        self.access = access
        address.storeBytes(of: kind.rawValue, toByteOffset: 12, as: UInt8.self)
        flags = (deadline != nil ? Self.flagDeadline : 0) | (wide ? Self.flagWideKey : 0)
        address.storeBytes(
            of: UInt16(truncatingIfNeeded: min(key.count, Self.keyLengthWide)), toByteOffset: 14, as: UInt16.self)
        address.storeBytes(of: UInt32(truncatingIfNeeded: valueLength), toByteOffset: 16, as: UInt32.self)
        if let deadline { deadlineMilliseconds = deadline }
        if wide {
            address.storeBytes(
                of: UInt32(truncatingIfNeeded: key.count),
                toByteOffset: Self.headerBytes + (deadline != nil ? 8 : 0), as: UInt32.self)
        }
        a2_memory_copy(address + keyOffset, key.start, key.count)
    }

    /// Changes an inline value in place when its block has room for the new length.
    @inline(__always)
    func reshape(kind: Kind, valueLength: Int) {
        address.storeBytes(of: kind.rawValue, toByteOffset: 12, as: UInt8.self)
        address.storeBytes(of: UInt32(truncatingIfNeeded: valueLength), toByteOffset: 16, as: UInt32.self)
        flags &= ~Self.flagRaw
    }
}
