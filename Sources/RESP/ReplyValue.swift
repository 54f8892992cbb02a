/// A reply as a tree, for those who read replies: bench, console and tests.
import Base

public indirect enum ReplyValue: Equatable, Sendable {
    case simple([UInt8])
    /// Simple and bulk errors alike, code included.
    case error([UInt8])
    case integer(Int64)
    case bulk([UInt8])
    /// RESP3's null and RESP2's null bulk.
    case null
    case nullArray
    case array([ReplyValue])
    case map([ReplyPair])
    case set([ReplyValue])
    case push([ReplyValue])
    case attributed([ReplyPair], ReplyValue)
    case double(Double)
    case boolean(Bool)
    case bigNumber([UInt8])
    case verbatim(format: [UInt8], text: [UInt8])
}

public struct ReplyPair: Equatable, Sendable {
    public var key: ReplyValue
    public var value: ReplyValue

    public init(key: ReplyValue, value: ReplyValue) {
        self.key = key
        self.value = value
    }
}

public enum ReplyFailure: Equatable, Sendable {
    case unknownType(UInt8)
    case malformedNumber
    case malformedLine
    case missingLineEnd
    case tooLong
    case tooDeep
}
