/// Borrowed bytes.
///
/// A pointer and a length, nothing owned, nothing counted: what the request path passes around instead of
/// `Array` or `String`. A view of an argument is valid until its command returns; a view of a stored value
/// is valid until the next write to its partition. Whoever keeps bytes longer copies them into an owner.
import CIntrinsics

public struct ByteView {
    public let start: UnsafePointer<UInt8>
    public let count: Int

    @inlinable
    public init(start: UnsafePointer<UInt8>, count: Int) {
        self.start = start
        self.count = count
    }

    /// The bytes of a literal, which live as long as the process.
    @inlinable
    public init(_ literal: StaticString) {
        self.init(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    @inlinable
    public static var empty: ByteView { ByteView("") }

    @inlinable
    public var isEmpty: Bool { count == 0 }

    @inlinable
    public subscript(index: Int) -> UInt8 {
        assert(index >= 0 && index < count, "byte \(index) of \(count)")
        return start[index]
    }

    /// The bytes from `offset` on, at most `length` of them.
    @inlinable
    public func slice(_ offset: Int, _ length: Int) -> ByteView {
        precondition(offset >= 0 && length >= 0 && offset <= count - length, "slice \(offset)+\(length) of \(count)")
        return ByteView(start: start + offset, count: length)
    }

    @inlinable
    public func dropFirst(_ length: Int) -> ByteView { slice(length, count - length) }

    @inlinable
    public var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// An owned copy. Not for the hot path.
    public var array: [UInt8] { Array(raw) }

    /// The bytes as text, invalid UTF-8 replaced. Not for the hot path.
    public var string: String { String(decoding: raw, as: UTF8.self) }

    /// Eight bytes at `offset`, in the machine's order; the caller has checked the bounds.
    @inlinable
    public func word64(at offset: Int) -> UInt64 {
        UnsafeRawPointer(start + offset).loadUnaligned(as: UInt64.self)
    }

    @inlinable
    public func word32(at offset: Int) -> UInt32 {
        UnsafeRawPointer(start + offset).loadUnaligned(as: UInt32.self)
    }

    @inlinable
    public func firstIndex(of byte: UInt8) -> Int? {
        guard count > 0, let found = a2_memory_find(start, Int32(byte), count) else { return nil }
        return found - UnsafeRawPointer(start)
    }
}

extension ByteView: Equatable {
    @inlinable
    public static func == (left: ByteView, right: ByteView) -> Bool {
        left.count == right.count && a2_memory_compare(left.start, right.start, left.count) == 0
    }
}

extension ByteView: Comparable {
    /// Byte order, the shorter of two with a common prefix first.
    @inlinable
    public static func < (left: ByteView, right: ByteView) -> Bool {
        let order = a2_memory_compare(left.start, right.start, min(left.count, right.count))
        return order == 0 ? left.count < right.count : order < 0
    }
}

extension ByteView {
    /// Whether the bytes spell `word` (given in lower case), whatever the case of their ASCII letters.
    @inlinable
    public func equalsIgnoringCase(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        let other = word.utf8Start
        for index in 0..<count where asciiLowercased(start[index]) != asciiLowercased(other[index]) { return false }
        return true
    }

    @inlinable
    public func equalsIgnoringCase(_ other: ByteView) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where asciiLowercased(start[index]) != asciiLowercased(other.start[index]) {
            return false
        }
        return true
    }
}

@inlinable
public func asciiLowercased(_ byte: UInt8) -> UInt8 {
    byte &- 65 < 26 ? byte | 0x20 : byte
}

@inlinable
public func asciiUppercased(_ byte: UInt8) -> UInt8 {
    byte &- 97 < 26 ? byte & ~0x20 : byte
}

extension [UInt8] {
    /// Lends the array's bytes as a view for the length of `body`.
    @inlinable
    public func withView<Result, Failure: Error>(
        _ body: (ByteView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if isEmpty { return try body(.empty) }
        return try withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            guard let start = buffer.baseAddress else { return try body(.empty) }
            return try body(ByteView(start: start, count: buffer.count))
        }
    }
}
