/// What the identity keeps of a node's replication: it reads back, in this form and in the one before it, and what it is
/// not is refused.
import Base
import Core
import Replication
import Testing

@Suite struct KeptReplicationTests {
    private static let members = [
        MemberEntry(
            replica: Replica(node: 3, generation: 1), incarnation: 77, name: "three", region: "eu",
            address: PeerAddress.unreachable, status: .member),
        MemberEntry(
            replica: Replica(node: 3, generation: 2), incarnation: 77, name: "three", region: "eu",
            address: PeerAddress.unreachable, status: .left, isClosed: true, isFree: true),
    ]
    private static let kept = KeptReplication(
        members: members,
        resumePoints: [
            HandshakeFacts.ResumePoint(Replica(node: 4, generation: 0), incarnation: .max - 5, position: 1 << 60),
            HandshakeFacts.ResumePoint(Replica(node: 255, generation: 3), incarnation: 1, position: 0),
        ], places: [LogPlace(window: 8, log: 0), LogPlace(window: 1 << 50, log: 1 << 40)], isUnsure: true,
        incarnation: 78, home: 79)

    @Test("It reads back, and so does a table without anything behind it")
    func roundTrip() {
        #expect(KeptReplication(Self.kept.encoded) == Self.kept)
        #expect(KeptReplication(KeptReplication().encoded) == KeptReplication())
        #expect(KeptReplication([]) == KeptReplication())
        var table = ByteBuffer()
        table.append(.members(Self.members))
        #expect(KeptReplication(table.array) == KeptReplication(members: Self.members))
        var later = table
        later.append([9, 1, 2, 3] as [UInt8])
        #expect(KeptReplication(later.array) == KeptReplication(members: Self.members))
    }

    @Test("What version 1 wrote is read: nothing was unsure, no name free again")
    func versionBefore() {
        let members = MemberTable.withoutClosing(Self.members)
        var table = ByteBuffer()
        table.append(.members(members))
        // Without the flag, what it is known as, where it lies, and one name.
        var bytes = Array(Self.kept.encoded.dropLast(1 + 16 + 8 + 1 + 19))
        bytes[table.count] = 1
        let before = KeptReplication(
            members: members, resumePoints: Self.kept.resumePoints, places: Self.kept.places)
        #expect(KeptReplication(bytes) == before)
    }

    @Test("Cut off anywhere it is nothing, or the table alone")
    func cutOff() {
        let bytes = Self.kept.encoded
        for count in 1..<bytes.count {
            if let read = KeptReplication(Array(bytes[..<count])) {
                #expect(read == KeptReplication(members: MemberTable.withoutClosing(Self.members)), "\(count) bytes")
            }
        }
        #expect(KeptReplication(bytes + [0]) == nil)
    }
}
