/// How far each peer has taken in this node's window: what WAIT and WAITAOF wait for.
///
/// Written by the thread that talks with the peers, read by every loop. A position is that of the window: a peer that
/// acknowledges it has everything before it.
import Synchronization

public final class PeerAcknowledgements: Sendable {
    /// Positions plus one; 0 is a peer never heard of.
    private final class Mark: Sendable {
        let applied = Atomic<UInt64>(0)
        let durable = Atomic<UInt64>(0)
    }

    public enum Kind: Sendable {
        /// In memory: WAIT.
        case applied
        /// On disk: WAITAOF.
        case durable
    }

    private let marks = (0..<256).map { _ in Mark() }
    /// Grows with every note: whoever wakes those who wait compares it.
    private let notes = Atomic<UInt64>(0)

    public init() {}

    /// The node has everything before this position. A later note replaces an earlier one, also a higher one: a peer
    /// that has lost its memory has less than before.
    public func note(_ kind: Kind, node: UInt8, upTo position: UInt64) {
        mark(kind, node, position &+ 1)
    }

    /// Nothing is known of this node any more.
    public func forget(node: UInt8) {
        mark(.applied, node, 0)
        mark(.durable, node, 0)
    }

    private func mark(_ kind: Kind, _ node: UInt8, _ value: UInt64) {
        let mark = marks[Int(node)]
        switch kind {
        case .applied: mark.applied.store(value, ordering: .relaxed)
        case .durable: mark.durable.store(value, ordering: .relaxed)
        }
        // Sequentially consistent, as is the count of those who wait: one of the two sees the other.
        notes.add(1, ordering: .sequentiallyConsistent)
    }

    /// Before which position the node has everything; nil for one that has never told.
    public func position(_ kind: Kind, node: UInt8) -> UInt64? {
        let mark = marks[Int(node)]
        let value = kind == .applied ? mark.applied.load(ordering: .relaxed) : mark.durable.load(ordering: .relaxed)
        return value == 0 ? nil : value - 1
    }

    public var noteCount: UInt64 { notes.load(ordering: .sequentiallyConsistent) }

    /// How many peers have everything before `position`.
    public func count(_ kind: Kind, upTo position: UInt64) -> Int {
        _ = notes.load(ordering: .sequentiallyConsistent)
        var count = 0
        for mark in marks {
            let value =
                kind == .applied ? mark.applied.load(ordering: .relaxed) : mark.durable.load(ordering: .relaxed)
            if value > position { count += 1 }
        }
        return count
    }
}
