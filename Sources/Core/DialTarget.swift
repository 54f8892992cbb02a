/// An address that is dialled: a seed from the configuration, or a member learned from others.
import Base
import Replication

struct DialTarget {
    enum State: Equatable {
        /// For its time to come.
        case waiting
        case dialling
        /// There is a connection; its link says how far it has come.
        case connected
    }

    let address: PeerAddress
    var state = State.waiting
    var nextDialMilliseconds: Int64 = 0
    var backoff: Backoff
    /// Who answered there.
    var replica: Replica?
    /// Who is there took us for another running node of our id.
    var refusesAsDuplicate = false
    /// It was ourselves.
    var isSelf = false
    /// What was last wrong with it, so that the same is not logged again and again.
    var complaint = ""
}
