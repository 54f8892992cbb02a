/// Where partitions get their memory from: spans of 4 KB and up, shared by all partitions of a node.
///
/// The server passes one that carves spans out of huge pages; tests and the simulator use the heap. Called
/// only when a slab or a table grows, so a closure is cheap enough.
public struct PageSource: Sendable {
    public let allocate: @Sendable (_ bytes: Int) -> UnsafeMutableRawPointer
    public let release: @Sendable (_ span: UnsafeMutableRawPointer, _ bytes: Int) -> Void

    public init(
        allocate: @escaping @Sendable (Int) -> UnsafeMutableRawPointer,
        release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
    ) {
        self.allocate = allocate
        self.release = release
    }

    public static let heap = PageSource(
        allocate: { UnsafeMutableRawPointer.allocate(byteCount: $0, alignment: 64) },
        release: { span, _ in span.deallocate() })
}
