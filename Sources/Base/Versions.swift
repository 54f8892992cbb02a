/// The version vector of one partition: for each replica the highest stamp applied.
///
/// A sorted array, because a cluster has a handful of replicas and the order reaches digests and the wire.
public struct Versions: Equatable, Sendable {
    public private(set) var stamps: [Stamp] = []

    public init() {}

    public init(_ stamps: [Stamp]) {
        for stamp in stamps { advance(to: stamp) }
    }

    /// The highest stamp of `replica` applied here, zero if none.
    public subscript(replica: Replica) -> Stamp {
        for stamp in stamps where stamp.replica == replica { return stamp }
        return .zero
    }

    /// Whether the write named `dot` has been applied here.
    @inlinable
    public func covers(_ dot: Stamp) -> Bool { dot <= self[dot.replica] }

    public func covers(_ other: Versions) -> Bool {
        other.stamps.allSatisfy { covers($0) }
    }

    /// Raises the entry of the stamp's own replica; never lowers one.
    public mutating func advance(to stamp: Stamp) {
        if stamp.isZero { return }
        let replica = stamp.replica
        for index in stamps.indices {
            let present = stamps[index].replica
            if present == replica {
                if stamp > stamps[index] { stamps[index] = stamp }
                return
            }
            if replica < present {
                stamps.insert(stamp, at: index)
                return
            }
        }
        stamps.append(stamp)
    }

    public mutating func formUnion(_ other: Versions) {
        for stamp in other.stamps { advance(to: stamp) }
    }
}

extension Versions: CustomStringConvertible {
    public var description: String { "[" + stamps.map(\.description).joined(separator: " ") + "]" }
}
