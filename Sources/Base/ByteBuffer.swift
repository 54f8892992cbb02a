/// An owned, growable run of bytes with a read end and a write end.
///
/// The query buffer, the reply buffer and the record scratch of a connection's loop are all this type. It
/// grows by doubling, never shrinks by itself, and hands out views that are valid until the next append.
import CIntrinsics

public struct ByteBuffer: ~Copyable {
    public private(set) var base: UnsafeMutablePointer<UInt8>
    public private(set) var capacity: Int
    /// Bytes before `head` have been consumed.
    public private(set) var head = 0
    /// Bytes from `head` to `tail` are readable.
    public private(set) var tail = 0

    public init(capacity: Int = 256) {
        self.capacity = max(capacity, 16)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    @inlinable
    public var count: Int { tail - head }

    @inlinable
    public var isEmpty: Bool { tail == head }

    @inlinable
    public var view: ByteView { ByteView(start: UnsafePointer(base + head), count: tail - head) }

    public var array: [UInt8] { view.array }

    @inline(__always)
    public mutating func reserve(_ length: Int) {
        if capacity - tail < length { grow(by: length) }
    }

    /// Makes room for `length` bytes after the tail: first by moving the readable bytes to the front, then
    /// by doubling.
    @inline(never)
    private mutating func grow(by length: Int) {
        let readable = tail - head
        if head > 0, capacity - readable >= length, head >= readable {
            a2_memory_move(base, base + head, readable)
        } else {
            var wanted = max(capacity, 64)
            while wanted - readable < length {
                wanted = wanted < 1 << 20 ? wanted * 2 : wanted + max(wanted / 2, length)
            }
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
            a2_memory_copy(larger, base + head, readable)
            base.deallocate()
            base = larger
            capacity = wanted
        }
        head = 0
        tail = readable
    }

    /// Where the next bytes go; `reserve` first, `commit` after.
    @inlinable
    public var writable: UnsafeMutablePointer<UInt8> { base + tail }

    @inlinable
    public var writableCount: Int { capacity - tail }

    @inline(__always)
    public mutating func commit(_ length: Int) {
        assert(length >= 0 && tail + length <= capacity, "committed past the end")
        tail += length
    }

    @inline(__always)
    public mutating func consume(_ length: Int) {
        assert(length >= 0 && head + length <= tail, "consumed past the tail")
        head += length
        if head == tail {
            head = 0
            tail = 0
        }
    }

    @inline(__always)
    public mutating func removeAll() {
        head = 0
        tail = 0
    }

    /// Drops everything after the first `length` readable bytes.
    @inline(__always)
    public mutating func truncate(to length: Int) {
        assert(length >= 0 && length <= count, "truncated past the tail")
        tail = head + length
    }

    /// Gives memory above `limit` back when the buffer is empty.
    public mutating func shrink(to limit: Int) {
        guard isEmpty, capacity > limit else { return }
        base.deallocate()
        capacity = max(limit, 16)
        base = .allocate(capacity: capacity)
        head = 0
        tail = 0
    }

    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base[tail] = byte
        tail += 1
    }

    @inline(__always)
    public mutating func append(_ bytes: ByteView) {
        reserve(bytes.count)
        a2_memory_copy(base + tail, bytes.start, bytes.count)
        tail += bytes.count
    }

    @inline(__always)
    public mutating func append(_ literal: StaticString) {
        append(ByteView(literal))
    }

    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            guard let start = utf8.baseAddress else { return }
            append(ByteView(start: start, count: utf8.count))
        }
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withView { append($0) }
    }

    @inline(__always)
    public mutating func append(decimal value: Int) {
        append(decimal: Int64(value))
    }

    @inline(__always)
    public mutating func append(decimal value: Int64) {
        reserve(20)
        tail += writeDecimal(value, to: base + tail)
    }

    @inline(__always)
    public mutating func append(decimal value: UInt64) {
        reserve(20)
        tail += writeDecimal(value, to: base + tail)
    }

    @inline(__always)
    public mutating func append<Word: FixedWidthInteger>(littleEndian value: Word) {
        reserve(MemoryLayout<Word>.size)
        UnsafeMutableRawPointer(base + tail).storeBytes(of: value.littleEndian, as: Word.self)
        tail += MemoryLayout<Word>.size
    }

    /// Overwrites bytes already written, `offset` counted from the head.
    @inline(__always)
    public mutating func patch<Word: FixedWidthInteger>(littleEndian value: Word, at offset: Int) {
        assert(offset >= 0 && offset + MemoryLayout<Word>.size <= count, "patched past the tail")
        UnsafeMutableRawPointer(base + head + offset).storeBytes(of: value.littleEndian, as: Word.self)
    }
}
