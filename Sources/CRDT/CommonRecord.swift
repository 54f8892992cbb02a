/// The shapes nearly all records have, read without allocating: SET, DEL and INCR of integers, with resets.
///
/// What is read here is exactly what `RecordCodec.decode` would read; whatever has another shape, or none, is
/// left to it.
import Base

public struct CommonRecord {
    public struct Reset {
        public let dot: Stamp
        public let sum: Int64
    }

    /// More than any but the largest cluster needs.
    public static let resetsMax = 4

    public private(set) var database = 0
    public private(set) var key = ByteView.empty
    /// Everything observed of the key goes.
    public private(set) var clears = false
    public private(set) var setsBase = false
    public private(set) var value = ByteView.empty
    public private(set) var deadline: Int64?
    public private(set) var increments = false
    /// Where the run began; zero when it begins with this frame.
    public private(set) var runStart = Stamp.zero
    public private(set) var runSum: Int64 = 0
    public private(set) var resetCount = 0
    private var resets = InlineArray<4, Reset>(repeating: Reset(dot: .zero, sum: 0))

    public func reset(_ index: Int) -> Reset { resets[index] }

    /// The next record, or nil where it has another shape; the reader is of no use then.
    @inline(__always)
    public init?(_ reader: inout ByteReader) {
        let flags = RecordCodec.Flags(rawValue: reader.byte())
        let known: RecordCodec.Flags = [.clearAll, .base, .baseDeadline, .increment, .extra]
        guard flags.isSubset(of: known), !flags.isEmpty, flags != .extra, flags != .baseDeadline else { return nil }
        clears = flags.contains(.clearAll)
        setsBase = flags.contains(.base)
        increments = flags.contains(.increment)
        let number = reader.varint()
        guard number < UInt64(Limits.databasesMax) else { return nil }
        database = Int(truncatingIfNeeded: number)
        key = reader.lengthPrefixed()
        if flags.contains(.extra) {
            guard reader.byte() == RecordCodec.Extra.resets.rawValue, takeResets(&reader) else { return nil }
        }
        if setsBase {
            value = reader.lengthPrefixed()
            if flags.contains(.baseDeadline) {
                let encoded = reader.varint()
                guard encoded > 0, encoded <= UInt64(Int64.max) else { return nil }
                deadline = Int64(encoded - 1)
            }
        } else if flags.contains(.baseDeadline) {
            return nil
        }
        if increments {
            guard takeIncrement(&reader) else { return nil }
        }
        guard reader.isValid else { return nil }
    }

    private mutating func takeResets(_ reader: inout ByteReader) -> Bool {
        let count = reader.count()
        guard count > 0, count <= Self.resetsMax else { return false }
        for index in 0..<count {
            let dot = Stamp(rawValue: reader.littleEndian(UInt64.self))
            guard reader.byte() == 0 else { return false }
            let sum = reader.zigzag()
            guard reader.isValid, !dot.isZero else { return false }
            resets[index] = Reset(dot: dot, sum: sum)
        }
        resetCount = count
        return true
    }

    @inline(__always)
    private mutating func takeIncrement(_ reader: inout ByteReader) -> Bool {
        let kind = reader.byte()
        guard kind < 2 else { return false }
        if kind == 1 { runStart = Stamp(rawValue: reader.littleEndian(UInt64.self)) }
        runSum = reader.zigzag()
        if kind == 1 { runSum = reader.zigzag() }
        return true
    }
}

extension RecordCodec {
    /// Begins the record of a SET (`setsBase`) or DEL of a key with live increments: `count` calls of
    /// `appendReset` follow, and for a SET one of `appendBase`.
    @inline(__always)
    public static func beginResets(
        database: Int, key: ByteView, count: Int, setsBase: Bool, hasDeadline: Bool, to out: inout ByteBuffer
    ) {
        var flags: Flags = [.clearAll, .extra]
        if setsBase { flags.insert(.base) }
        if hasDeadline { flags.insert(.baseDeadline) }
        appendHeader(flags, database, key, to: &out)
        out.append(Extra.resets.rawValue)
        out.append(varint: count)
    }

    @inline(__always)
    public static func appendReset(dot: Stamp, sum: Int64, to out: inout ByteBuffer) {
        out.append(littleEndian: dot.rawValue)
        out.append(0 as UInt8)
        out.append(zigzag: sum)
    }

    @inline(__always)
    public static func appendBase(_ value: ByteView, deadline: Int64?, to out: inout ByteBuffer) {
        out.append(varint: value.count)
        out.append(value)
        if let deadline { append(deadline: deadline, to: &out) }
    }
}

extension KeyState {
    /// From the Engine's compact counter. Runs and resets in any order.
    public init(modified: Stamp, base: CellBase?, runs: [Run], resets: [Reset], settledSum: Amount?) {
        self.init()
        self.modified = modified
        if let base { cell.bases = [base] }
        cell.runs = runs.sorted { $0.last < $1.last }
        cell.resets = resets.sorted { $0.dot < $1.dot }
        cell.settledSum = settledSum
    }
}
