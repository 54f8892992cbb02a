/// Rules of replication to leave out, so that the tests can show that each is needed. Only debug builds look at them.
import Base
import Replication
import Wire

public struct ReplicatorFaults: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A fence goes out before all that was written up to it.
    public static let fenceBeforeFrames = ReplicatorFaults(rawValue: 1)
    /// A heartbeat counts although something of its sender is missing.
    public static let heartbeatInSpiteOfHoles = ReplicatorFaults(rawValue: 2)
    /// Heartbeats take the other connection, on which no frames stand before them.
    public static let heartbeatOutOfBand = ReplicatorFaults(rawValue: 4)
    /// A node that may have forgotten what it wrote writes at once.
    public static let noGate = ReplicatorFaults(rawValue: 8)
    /// A frame is applied whatever it follows.
    public static let ignoresPrevious = ReplicatorFaults(rawValue: 16)
    /// The state of one partition raises the versions of all that a peer led in.
    public static let stateCountsForAll = ReplicatorFaults(rawValue: 32)
    /// Stability waits for those alone with whom there is a link.
    public static let countsReachableOnly = ReplicatorFaults(rawValue: 64)
    /// What has been applied is announced before it is on the disk.
    public static let announcesUnsynced = ReplicatorFaults(rawValue: 128)
    /// Who comes new to a cluster says what it has before it has heard what the others have.
    public static let speaksAtOnce = ReplicatorFaults(rawValue: 256)
    /// A joiner is counted by those members alone that it has met.
    public static let countsMetOnly = ReplicatorFaults(rawValue: 512)
    /// What is announced to have been applied is on the disk, but not that it was announced.
    public static let forgetsFences = ReplicatorFaults(rawValue: 1024)
    /// Fences of who is gone stay where he left them.
    public static let leavesFencesOfGone = ReplicatorFaults(rawValue: 4096)

    /// No rule: names that are free again are taken before those never used, so that it happens at all.
    public static let prefersFreedNames = ReplicatorFaults(rawValue: 2048)
}

extension Replicator {
    #if DEBUG
        public func leaveOut(_ rules: ReplicatorFaults) { faults = rules }

        /// A heartbeat on a connection where the peer is downstream.
        func takeOutOfBand(_ heartbeat: Heartbeat, _ link: PeerLink, _ now: Moment) {
            guard let identity = link.peer, let number = peer(identity.replica)?.downstream,
                let other = self.link(number)
            else { return }
            receive(heartbeat, other, now)
        }

        /// Takes all for applied that a link's peer led in.
        func claimAll(_ link: PeerLink) {
            for need in repair.needs where need.link == link.number {
                for stamp in need.wanted.stamps where stamp.replica != replica {
                    let latest = executor.versions(need.partition)[stamp.replica]
                    let header = FrameHeader(
                        partition: need.partition, stamp: stamp, prev: latest, cut: .zero, dependencies: [],
                        hasAllDependencies: true, isElided: false, isGrouped: false)
                    _ = [UInt8]().withView { executor.receive(header, records: $0, bytes: .empty) }
                }
            }
        }
    #endif
}
