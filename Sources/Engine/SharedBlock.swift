/// A large value: one block, counted, so that a reply can send it without a copy while the key moves on.
///
/// Layout: reference count, length, capacity, then the bytes. The entry holds one reference, every reply
/// that still has to send it another. It is written only while the count is one.
import Base
import Synchronization

public struct SharedBlock {
    public let address: UnsafeMutableRawPointer

    private static let headerBytes = 32

    public init(address: UnsafeMutableRawPointer) { self.address = address }

    public static func allocate(capacity: Int) -> SharedBlock {
        let address = UnsafeMutableRawPointer.allocate(byteCount: headerBytes + capacity, alignment: 16)
        address.bindMemory(to: Atomic<Int>.self, capacity: 1).initialize(to: Atomic(1))
        address.storeBytes(of: 0, toByteOffset: 8, as: Int.self)
        address.storeBytes(of: capacity, toByteOffset: 16, as: Int.self)
        return SharedBlock(address: address)
    }

    public static func copying(_ bytes: ByteView, capacity: Int? = nil) -> SharedBlock {
        let block = allocate(capacity: max(capacity ?? bytes.count, bytes.count))
        UnsafeMutableRawPointer(block.bytes).copyMemory(from: bytes.start, byteCount: bytes.count)
        block.count = bytes.count
        return block
    }

    private var references: UnsafeMutablePointer<Atomic<Int>> {
        address.assumingMemoryBound(to: Atomic<Int>.self)
    }

    public var isUnique: Bool { references.pointee.load(ordering: .acquiring) == 1 }

    public func retain() {
        references.pointee.add(1, ordering: .relaxed)
    }

    public func release() {
        if references.pointee.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { address.deallocate() }
    }

    public var count: Int {
        get { address.load(fromByteOffset: 8, as: Int.self) }
        nonmutating set { address.storeBytes(of: newValue, toByteOffset: 8, as: Int.self) }
    }

    public var capacity: Int { address.load(fromByteOffset: 16, as: Int.self) }

    public var bytes: UnsafeMutablePointer<UInt8> {
        (address + Self.headerBytes).assumingMemoryBound(to: UInt8.self)
    }

    public var view: ByteView { ByteView(start: UnsafePointer(bytes), count: count) }

    public var footprintBytes: Int { Self.headerBytes + capacity }
}
