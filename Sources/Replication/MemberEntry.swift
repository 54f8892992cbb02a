/// What the cluster knows of one replica under one incarnation; the rows of the member table.
///
/// Two versions of a row merge part by part, each part by a maximum: the status only rises, so that nobody who left or
/// was expelled comes back under the same incarnation because a message was late; of concurrent expels the later cut
/// counts; and name, region, address and client port are those of the higher epoch.
import Base

public enum MemberStatus: UInt8, Comparable, Sendable, CaseIterable {
    /// Known and counted by whoever knows it, but not yet by every member: its base may not be cut.
    case joining = 1
    /// Acknowledged by every member.
    case member = 2
    /// Another incarnation has taken over the replica.
    case replaced = 3
    /// Went by itself, after everybody had what it wrote.
    case left = 4
    /// Was shut out; of its writes only those up to the entry's cut count.
    case expelled = 5

    public static func < (left: MemberStatus, right: MemberStatus) -> Bool { left.rawValue < right.rawValue }

    /// Whether the replica is gone for good under this incarnation.
    public var isGone: Bool { self >= .replaced }

    /// What has become of a node, said of it.
    public var phrase: String {
        switch self {
        case .joining: "is joining"
        case .member: "is a member"
        case .replaced: "was replaced"
        case .left: "has left"
        case .expelled: "was expelled"
        }
    }

    public var name: String {
        switch self {
        case .joining: "joining"
        case .member: "member"
        case .replaced: "replaced"
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
    /// Grows with every change of name, region, address or client port, and from one incarnation of a replica to the next.
    public var epoch: UInt64
    /// The last stamp that counts of a replica that is gone; zero: all of them.
    public var cut: Stamp
    /// An expel that waits for nobody's acknowledgement.
    public var isForced: Bool
    /// It is gone, every member has all that it wrote, and all of that has settled.
    public var isClosed: Bool
    /// And every member knows so: another incarnation may take the name up.
    public var isFree: Bool
    /// Where clients reach the node, on the same host; 0: not told.
    public var clientPort: UInt16

    public init(
        replica: Replica, incarnation: UInt128, name: String, region: String, address: PeerAddress,
        status: MemberStatus = .joining, epoch: UInt64 = 1, cut: Stamp = .zero, isForced: Bool = false,
        isClosed: Bool = false, isFree: Bool = false, clientPort: UInt16 = 0
    ) {
        self.replica = replica
        self.incarnation = incarnation
        self.name = name
        self.region = region
        self.address = address
        self.status = status
        self.epoch = epoch
        self.cut = cut
        self.isForced = isForced
        self.isClosed = isClosed
        self.isFree = isFree
        self.clientPort = clientPort
    }

    public init(_ identity: PeerIdentity, status: MemberStatus = .joining, epoch: UInt64 = 1) {
        self.init(
            replica: identity.replica, incarnation: identity.incarnation, name: identity.name,
            region: identity.region, address: identity.address, status: status, epoch: epoch,
            clientPort: identity.clientPort)
    }

    /// How people know the node: its name where it has one, and its number.
    public var label: String { name.isEmpty ? "node \(replica)" : "node \(replica) (\(name))" }

    /// The node's peers and its clients reach it on the same host.
    public var clientAddress: PeerAddress? { try? PeerAddress(host: address.host, port: Int(clientPort)) }

    /// The rows of the table stand in this order.
    static func isOrdered(_ left: MemberEntry, _ right: MemberEntry) -> Bool {
        left.replica == right.replica ? left.incarnation < right.incarnation : left.replica < right.replica
    }

    /// The join of two versions of one row.
    mutating func formJoin(_ other: MemberEntry) {
        precondition(replica == other.replica && incarnation == other.incarnation, "rows of different members")
        if isDetailsOlder(than: other) {
            name = other.name
            region = other.region
            address = other.address
            clientPort = other.clientPort
            epoch = other.epoch
        }
        status = max(status, other.status)
        cut = max(cut, other.cut)
        isForced = isForced || other.isForced
        isClosed = isClosed || other.isClosed
        isFree = isFree || other.isFree
    }

    private func isDetailsOlder(than other: MemberEntry) -> Bool {
        if epoch != other.epoch { return epoch < other.epoch }
        // Changed in two places at once: any order will do as long as everybody has it.
        if address != other.address {
            return (address.host, address.port) < (other.address.host, other.address.port)
        }
        return (name, region, clientPort) < (other.name, other.region, other.clientPort)
    }
}
