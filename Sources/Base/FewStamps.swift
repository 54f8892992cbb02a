/// A short list of stamps that allocates only when it is not short: what a frame tells of its dependencies.

public struct FewStamps: Sendable {
    private static let inlineMax = 4

    private var first = InlineArray<4, Stamp>(repeating: .zero)
    private var others: [Stamp] = []
    public private(set) var count = 0

    @inline(__always)
    public init() {}

    public init(_ stamps: [Stamp]) {
        for stamp in stamps { append(stamp) }
    }

    @inline(__always)
    public mutating func append(_ stamp: Stamp) {
        if count < Self.inlineMax { first[count] = stamp } else { others.append(stamp) }
        count += 1
    }

    @inline(__always)
    public subscript(index: Int) -> Stamp {
        index < Self.inlineMax ? first[index] : others[index - Self.inlineMax]
    }

    /// Not for the hot path.
    public var array: [Stamp] { (0..<count).map { self[$0] } }
}

extension FewStamps: Equatable {
    public static func == (left: FewStamps, right: FewStamps) -> Bool { left.array == right.array }
}

extension FewStamps: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Stamp...) { self.init(elements) }
}
