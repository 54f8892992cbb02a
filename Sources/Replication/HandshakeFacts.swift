/// What a node knows when somebody introduces himself, and whom it turns away for it.
import Base

public struct HandshakeFacts: Sendable {
    /// How far the window of an incarnation has been applied here.
    public struct ResumePoint: Equatable, Sendable {
        public var replica: Replica
        public var incarnation: UInt128
        public var position: UInt64

        public init(_ replica: Replica, incarnation: UInt128, position: UInt64) {
            self.replica = replica
            self.incarnation = incarnation
            self.position = position
        }
    }

    public var table: MemberTable
    /// Whoever has an established link with this node now, in either direction.
    public var connected: [PeerIdentity]
    public var resumePoints: [ResumePoint]
    /// No cut in our cluster is later than this now; zero where we have none.
    public var horizon = Stamp.zero
    /// We have none, and somebody else whom we have dialled may be letting us into his: who has none either waits, or we
    /// would bring him along as somebody that cluster never heard.
    public var mayBeLetIn = false
    /// We have none, and somebody else has our proof, who has one.
    public var isBeingLetIn = false

    public init(
        table: MemberTable = MemberTable(), connected: [PeerIdentity] = [], resumePoints: [ResumePoint] = []
    ) {
        self.table = table
        self.connected = connected
        self.resumePoints = resumePoints
    }

    /// Positions of another incarnation are positions in another window.
    public func resumePoint(of identity: PeerIdentity) -> UInt64? {
        resumePoints.first { $0.replica == identity.replica && $0.incarnation == identity.incarnation }?.position
    }

    /// Everything that is checked once the other has proved that it belongs to the cluster.
    func check(_ theirs: PeerIdentity, _ own: PeerIdentity) throws(Refusal) {
        try checkGone(theirs)
        for other in connected { try Self.checkDuplicate(theirs, other) }
    }

    /// It has written under a name that another incarnation has used: its stamps would pass for the other's.
    func checkPast(_ theirs: PeerIdentity, isUnsure: Bool) throws(Refusal) {
        guard isUnsure,
            table.entries.contains(where: {
                $0.replica == theirs.replica && $0.incarnation != theirs.incarnation && !$0.isClosed
            })
        else { return }
        throw Refusal(
            .otherHistory,
            "\(theirs.label) took writes alone, under a name that it had used before it lost its memory: start it "
                + "empty where it reaches a peer")
    }

    /// Whether it is in the table, or its former self is: it may have gone on as its next generation where nobody heard
    /// of it.
    func knows(_ theirs: PeerIdentity) -> Bool {
        table.entries.contains {
            $0.replica.node == theirs.replica.node
                && Incarnation.isOfOneDirectory($0.incarnation, theirs.incarnation)
        }
    }

    /// Both have a cluster, and neither has heard of the other. Two clusters that have each gone their own way cannot
    /// become one: the cut of neither speaks of what the other wrote. The dialler looks, who is told what the
    /// acceptor knows: of a joiner one side may have heard before the other.
    func twoClusters(_ theirs: PeerIdentity, _ own: PeerIdentity) -> Refusal {
        Refusal(
            .otherHistory,
            "\(theirs.label) and \(own.label) belong to two clusters that have each gone their own way: keep the one, "
                + "start the nodes of the other empty and they join it")
    }

    private func checkGone(_ theirs: PeerIdentity) throws(Refusal) {
        // Whatever generation of itself it goes on as: it was the process that was expelled.
        let expelled = table.entries.first {
            $0.replica.node == theirs.replica.node && $0.status == .expelled
                && Incarnation.isOfOneDirectory($0.incarnation, theirs.incarnation)
        }
        guard let entry = expelled ?? table.entry(of: theirs.replica, incarnation: theirs.incarnation),
            entry.status.isGone
        else { return }
        let remedy = "start it with an empty data directory and it joins anew"
        switch entry.status {
        case .expelled: throw Refusal(.expelled, "\(theirs.label) was expelled from the cluster: \(remedy)")
        case .left: throw Refusal(.expelled, "\(theirs.label) has left the cluster: \(remedy)")
        default:
            throw Refusal(
                .expelled,
                "\(theirs.label) was replaced by another node of this id: give it another --node-id, or \(remedy) once "
                    + "the other one is stopped")
        }
    }

    static func checkCluster(_ theirs: PeerIdentity, _ own: PeerIdentity) throws(Refusal) {
        guard theirs.cluster != own.cluster else { return }
        throw Refusal(
            .otherCluster,
            "\(theirs.label) belongs to cluster '\(theirs.cluster)', \(own.label) to '\(own.cluster)': give both the "
                + "same --cluster, or take the address out of --peer")
    }

    /// A node that dials an address of its own is no news; another one that claims to be it is.
    static func checkOneself(_ theirs: PeerIdentity, _ own: PeerIdentity) throws(Refusal) {
        if theirs.incarnation == own.incarnation, theirs.replica == own.replica, theirs.address == own.address {
            throw Refusal(.oneself, "\(own.label) has dialled itself")
        }
        try checkDuplicate(theirs, own)
    }

    /// `other` is running now: nobody else may have its node id, or a copy of its data directory.
    private static func checkDuplicate(_ theirs: PeerIdentity, _ other: PeerIdentity) throws(Refusal) {
        let isSameNode = theirs.replica.node == other.replica.node
        if Incarnation.isOfOneDirectory(theirs.incarnation, other.incarnation) {
            if isSameNode, theirs.address == other.address { return }
            throw Refusal(
                .duplicateNode,
                "\(theirs.label) runs on a copy of the data directory of \(other.label), which is connected: start one "
                    + "of them with an empty data directory and a --node-id of its own")
        }
        guard isSameNode else { return }
        throw Refusal(
            .duplicateNode,
            "\(theirs.label) has the node id of \(other.label), which is connected: give one of them another --node-id, "
                + "or stop the old one first")
    }
}
