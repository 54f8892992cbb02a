/// What the cluster knows of one replica; the rows of the member table.
import Base

public enum MemberStatus: UInt8, Comparable, Sendable, CaseIterable {
    /// Known, not yet acknowledged by every member: its base may not be cut.
    case joining = 1
    /// Counts for stability.
    case member = 2
    /// Went by itself, after everybody had what it wrote.
    case left = 3
    /// Was shut out; of its writes only those up to the entry's cut count.
    case expelled = 4

    public static func < (left: MemberStatus, right: MemberStatus) -> Bool { left.rawValue < right.rawValue }

    /// Whether the replica is gone for good under this incarnation.
    public var isGone: Bool { self == .left || self == .expelled }

    public var name: String {
        switch self {
        case .joining: "joining"
        case .member: "member"
        case .left: "left"
        case .expelled: "expelled"
        }
    }
}

public struct MemberEntry: Equatable, Sendable {
    public var replica: Replica
    public var incarnation: UInt128
    public var name: String
    public var region: String
    public var address: PeerAddress
    public var status: MemberStatus
    /// Grows with every change of the entry; of two entries of one incarnation and rank the higher epoch wins.
    public var epoch: UInt64
    /// The last stamp of an expelled replica that counts; zero for all others.
    public var cut: Stamp

    public init(
        replica: Replica, incarnation: UInt128, name: String, region: String, address: PeerAddress,
        status: MemberStatus = .joining, epoch: UInt64 = 1, cut: Stamp = .zero
    ) {
        self.replica = replica
        self.incarnation = incarnation
        self.name = name
        self.region = region
        self.address = address
        self.status = status
        self.epoch = epoch
        self.cut = cut
    }
}
