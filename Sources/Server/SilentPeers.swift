/// A node that links with nobody: who dials it is told nothing and hung up on.
import Base
import Commands
import Core
import Replication

struct SilentPeers: PeerMachine, ~Copyable {
    private var actions: [PeerAction] = []

    mutating func start(_ now: Moment) {}
    mutating func dialled(target: Int, link: Int, _ now: Moment) { actions.append(.close(link: link)) }
    mutating func dialFailed(target: Int, reason: String, _ now: Moment) {}
    mutating func accepted(link: Int, from: String, _ now: Moment) { actions.append(.close(link: link)) }
    mutating func receive(link: Int, _ bytes: inout ByteBuffer, _ now: Moment) { bytes.removeAll() }
    mutating func closed(link: Int, reason: String, _ now: Moment) {}
    mutating func request(_ request: PeerRequest, _ now: Moment) {}
    mutating func turn(_ now: Moment) -> Int64 { .max }
    func output(link: Int) -> UnsafeMutablePointer<ByteBuffer>? { nil }

    mutating func takeActions() -> [PeerAction] {
        defer { actions.removeAll() }
        return actions
    }
}
