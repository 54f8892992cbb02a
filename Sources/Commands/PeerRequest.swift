/// What clients and the process ask of the thread that talks with the peers.
import Base

public enum PeerRequest: Sendable, Equatable {
    /// A2.SYNC: compare all data now, with one node or with all.
    case sync(node: UInt8?)
    /// A2.LINK: how the links with a node are to behave.
    case link(node: UInt8, LinkPolicy)
    /// A member will not come back; forced, without asking the others.
    case expel(node: UInt8, isForced: Bool)
    /// This node gives up its membership for good.
    case leave
    /// The process ends: peers are to know that this is meant.
    case goodbye
}

public enum LinkPolicy: Sendable, Equatable {
    case up
    case down
    /// What comes from the node is taken in this much later.
    case delay(milliseconds: Int)
}
