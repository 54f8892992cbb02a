/// The integers of BITFIELD: any width, at any bit, highest bit first.
import Base

struct BitfieldType {
    let isSigned: Bool
    let bits: Int

    /// `i8`, `u12`: signed up to 64 bits, unsigned up to 63.
    init?(_ text: ByteView) {
        guard text.count > 1, let bits = text.dropFirst(1).canonicalInteger else { return nil }
        isSigned = text[0] == UInt8(ascii: "i")
        guard isSigned || text[0] == UInt8(ascii: "u"), bits >= 1, bits <= (isSigned ? 64 : 63) else { return nil }
        self.bits = Int(bits)
    }

    var lowest: Int128 { isSigned ? -(1 << Int128(bits - 1)) : 0 }
    var highest: Int128 { (1 << Int128(isSigned ? bits - 1 : bits)) - 1 }

    fileprivate var mask: UInt64 { .max >> UInt64(64 - bits) }

    /// The lowest bits of `pattern` as this type's number.
    func number(_ pattern: UInt64) -> Int64 {
        let shift = Int64(64 - bits)
        let aligned = Int64(bitPattern: pattern << UInt64(shift))
        return isSigned ? aligned >> shift : Int64(bitPattern: pattern & mask)
    }

    /// An integer as BITFIELD SET takes it: what is negative is a large unsigned one.
    func exact(_ value: Int64) -> Int128 {
        isSigned ? Int128(value) : Int128(UInt64(bitPattern: value))
    }

    /// What is stored for `exact`, nil where it does not fit and must not be stored.
    func fit(_ exact: Int128, _ overflow: BitfieldOverflow, isSet: Bool) -> Int64? {
        if exact >= lowest, exact <= highest { return Int64(exact) }
        switch overflow {
        case .wrap: return number(UInt64(truncatingIfNeeded: exact))
        case .saturate:
            // SET with an amount so low that its distance from the highest is no 64-bit number is too high for Redis.
            let passesForHigh = isSet && highest - exact > Int128(Int64.max)
            return Int64(exact < lowest && !passesForHigh ? lowest : highest)
        case .fail: return nil
        }
    }
}

enum BitfieldOverflow {
    case wrap, saturate, fail

    init?(_ arguments: Arguments, _ index: Int) {
        if arguments.isWord(index, "wrap") {
            self = .wrap
        } else if arguments.isWord(index, "sat") {
            self = .saturate
        } else if arguments.isWord(index, "fail") {
            self = .fail
        } else {
            return nil
        }
    }
}

/// Where a field lies: at most nine bytes hold it.
struct BitfieldPlace {
    let type: BitfieldType
    let bitOffset: Int

    static let bytesMax = 9

    var firstByte: Int { bitOffset >> 3 }
    var endByte: Int { (bitOffset + type.bits + 7) >> 3 }

    /// How far above the lowest bit of the nine bytes the field ends.
    private var shift: UInt128 { UInt128(Self.bytesMax * 8 - (bitOffset & 7) - type.bits) }

    /// `bytes` are the nine from `firstByte` on, as one number.
    func load(_ bytes: UInt128) -> Int64 { type.number(UInt64(truncatingIfNeeded: bytes >> shift)) }

    func store(_ value: Int64, into bytes: UInt128) -> UInt128 {
        let field = UInt128(UInt64(bitPattern: value) & type.mask) << shift
        return bytes & ~(UInt128(type.mask) << shift) | field
    }
}

/// One GET, SET or INCRBY of a BITFIELD call.
struct BitfieldOperation {
    enum Kind { case get, set, increment }

    let kind: Kind
    let place: BitfieldPlace
    let amount: Int64
    let overflow: BitfieldOverflow
}

/// Reads the operations off a call's arguments, one after the other.
struct BitfieldParser {
    private var index = 2
    private var overflow = BitfieldOverflow.wrap

    mutating func next(_ arguments: Arguments) throws(CommandError) -> BitfieldOperation? {
        while index < arguments.count {
            let following = arguments.count - index - 1
            if arguments.isWord(index, "overflow"), following >= 1 {
                guard let policy = BitfieldOverflow(arguments, index + 1) else {
                    throw .fixed("ERR Invalid OVERFLOW type specified")
                }
                overflow = policy
                index += 2
                continue
            }
            if arguments.isWord(index, "get"), following >= 2 { return try operation(.get, arguments) }
            if arguments.isWord(index, "set"), following >= 3 { return try operation(.set, arguments) }
            if arguments.isWord(index, "incrby"), following >= 3 { return try operation(.increment, arguments) }
            throw .syntax
        }
        return nil
    }

    private mutating func operation(
        _ kind: BitfieldOperation.Kind, _ arguments: Arguments
    ) throws(CommandError) -> BitfieldOperation {
        guard let type = BitfieldType(arguments[index + 1]) else {
            throw .fixed(
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
        }
        let place = BitfieldPlace(
            type: type, bitOffset: try arguments.bitOffset(index + 2, fieldBits: type.bits))
        let amount = kind == .get ? 0 : try arguments.integer(index + 3)
        index += kind == .get ? 3 : 4
        return BitfieldOperation(kind: kind, place: place, amount: amount, overflow: overflow)
    }
}
