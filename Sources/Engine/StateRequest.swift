/// What a replica says when it asks for a partition's state: what it has, so that it need not be sent.
///
///     request  = version(1) flags(1: 1 empty) versions fences     versions = count, then 8 bytes each
import Base
import CRDT

public struct StateRequest: Equatable, Sendable {
    public var versions: Versions
    /// For each replica a stamp up to which everything of it has been applied.
    public var fences: Versions
    /// There is no key here, so nothing can have been deleted either.
    public var isEmpty: Bool

    public init(versions: Versions, fences: Versions, isEmpty: Bool) {
        self.versions = versions
        self.fences = fences
        self.isEmpty = isEmpty
    }

    /// Of somebody who has nothing.
    public static let everything = StateRequest(versions: Versions(), fences: Versions(), isEmpty: true)

    public func encode(to out: inout ByteBuffer) {
        out.append(StateExport.version)
        out.append(isEmpty ? 1 : 0 as UInt8)
        out.append(versions)
        out.append(fences)
    }

    /// Nil where the bytes are none.
    public static func decode(_ bytes: ByteView) -> StateRequest? {
        var reader = ByteReader(bytes)
        guard reader.byte() == StateExport.version else { return nil }
        let flags = reader.byte()
        let versions = reader.versions()
        let fences = reader.versions()
        guard reader.isValid, reader.isAtEnd, flags < 2 else { return nil }
        return StateRequest(versions: versions, fences: fences, isEmpty: flags == 1)
    }

    func coverage(of replica: Replica) -> Stamp { max(versions[replica], fences[replica]) }
}

extension Partition {
    /// What this replica has here.
    public func stateRequest() -> StateRequest {
        StateRequest(versions: versions, fences: fences, isEmpty: keyCount == 0)
    }
}

extension ByteBuffer {
    mutating func append(_ versions: Versions) {
        append(varint: versions.stamps.count)
        for stamp in versions.stamps { append(littleEndian: stamp.rawValue) }
    }

    mutating func append(_ stamp: Stamp) { append(littleEndian: stamp.rawValue) }
}

extension ByteReader {
    mutating func readStamp() -> Stamp { Stamp(rawValue: littleEndian(UInt64.self)) }

    /// Ascending by replica, one stamp each; anything else fails.
    mutating func versions() -> Versions {
        let count = count()
        guard count <= Replica.countMax, count <= remaining / 8 else {
            fail()
            return Versions()
        }
        var versions = Versions()
        var last: Replica?
        for _ in 0..<count {
            let stamp = readStamp()
            guard !stamp.isZero, last.map({ $0 < stamp.replica }) ?? true else {
                fail()
                return Versions()
            }
            last = stamp.replica
            versions.advance(to: stamp)
        }
        return versions
    }
}
