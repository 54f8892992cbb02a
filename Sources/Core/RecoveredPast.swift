/// What a node's disk remembers of its replication, for a start that goes on from there.
import Base
import Replication

public struct RecoveredPast: Sendable {
    /// The member table as it stood; empty for a node that is new.
    public var members: [MemberEntry]
    public var cut: Stamp
    public var settleCut: Stamp
    /// Nothing that was ever told to anybody can be missing: the node knew its own past, and then stopped in order, or
    /// told nobody anything that was not on its disk.
    public var isWhole: Bool

    public init(members: [MemberEntry] = [], cut: Stamp = .zero, settleCut: Stamp = .zero, isWhole: Bool = false) {
        self.members = members
        self.cut = cut
        self.settleCut = settleCut
        self.isWhole = isWhole
    }

    /// The member table as bytes, to be kept in the node's identity.
    public static func encode(_ members: [MemberEntry]) -> [UInt8] {
        var bytes = ByteBuffer(capacity: 256)
        bytes.append(.members(members))
        return bytes.array
    }

    /// Nil where the bytes are none.
    public static func decodeMembers(_ bytes: [UInt8]) -> [MemberEntry]? {
        if bytes.isEmpty { return [] }
        return bytes.withView { view in
            guard case .members(let entries)?? = try? LinkMessage.decode(view, bytesMax: view.count)?.0 else {
                return nil
            }
            return entries
        }
    }
}

extension Replicator {
    /// Before anything else is done: everybody we knew is dialled, and nobody is told that we are new.
    func resume(_ recovered: RecoveredPast) {
        members.merge(recovered.members)
        membersKept = members.version
        stability.resume(cut: recovered.cut, settleCut: recovered.settleCut)
        let others = members.entries.filter { $0.replica.node != replica.node }
        hasEverMet = !others.isEmpty
        hasCluster = hasEverMet
        // A restored snapshot has no members, and what it holds is no news to those it was taken among.
        hasSharedPast = hasEverMet || executor.knowsOthers()
        past.isWhole = recovered.isWhole
    }

    /// The table is kept on the disk whenever it has changed; the first time not before the log has what was renamed.
    func keepMembers() {
        guard membersKept != members.version, hasKeptNames else { return }
        membersKept = members.version
        actions.append(.keepMembers(members.entries))
    }
}
