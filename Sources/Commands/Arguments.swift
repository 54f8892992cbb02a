/// The arguments of one call: views into the connection's query buffer, or into a queued command.
import Base
import Engine
import RESP

public struct Arguments {
    private let ranges: UnsafePointer<ArgumentRange>
    public let count: Int
    private let buffer: UnsafePointer<UInt8>
    private let side: UnsafePointer<UInt8>
    private let blocks: UnsafePointer<SharedBlock>

    @inline(__always)
    public init(
        ranges: UnsafePointer<ArgumentRange>, count: Int, buffer: UnsafePointer<UInt8>, side: UnsafePointer<UInt8>,
        blocks: UnsafePointer<SharedBlock>
    ) {
        self.ranges = ranges
        self.count = count
        self.buffer = buffer
        self.side = side
        self.blocks = blocks
    }

    @inline(__always)
    public subscript(index: Int) -> ByteView {
        precondition(index >= 0 && index < count, "argument index out of range")
        let range = ranges[index]
        if range.block == ArgumentRange.inBuffer {
            return ByteView(start: buffer + Int(range.offset), count: range.count)
        }
        if range.block == ArgumentRange.inSideBuffer {
            return ByteView(start: side + Int(range.offset), count: range.count)
        }
        return blocks[Int(range.block)].view
    }

    /// The argument as a value to store: a large one brings its own block, whose reference passes along.
    @inline(__always)
    public func value(_ index: Int) -> NewValue {
        let range = ranges[index]
        if range.block >= 0 {
            let block = blocks[Int(range.block)]
            block.retain()
            return .block(block)
        }
        return .bytes(self[index])
    }

    /// The same arguments without the first `length`.
    public func dropFirst(_ length: Int) -> Arguments {
        precondition(length <= count, "dropped \(length) of \(count) arguments")
        return Arguments(ranges: ranges + length, count: count - length, buffer: buffer, side: side, blocks: blocks)
    }

    // MARK: Reading options

    public func integer(_ index: Int) throws(CommandError) -> Int64 {
        guard let value = self[index].canonicalInteger else { throw .notInteger }
        return value
    }

    /// Whether the argument is this word, given in lower case.
    @inline(__always)
    public func isWord(_ index: Int, _ word: StaticString) -> Bool {
        self[index].equalsIgnoringCase(word)
    }
}
