/// What a peer behind the window is read from the log: the frames of one replica, in order, whatever else is in it.
import Base
import OS
import Replication
import Storage
import Testing
import Wire

private let own = Replica(node: 3, generation: 1)
private let other = Replica(node: 4, generation: 0)

private func frame(_ tick: UInt64, _ replica: Replica, records: Int = 20, isElided: Bool = false) -> [UInt8] {
    var head = ByteBuffer()
    let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: tick), count: records)
    bytes.withView { view in
        FrameCodec.encodeHeader(
            partition: Int(tick % 256), stamp: Stamp(tick: tick, replica: replica), prev: .zero, cut: .zero,
            dependencies: FewStamps(), hasAllDependencies: false, isElided: isElided, isGrouped: false, records: view,
            into: &head)
    }
    return head.array + bytes
}

/// A log that is being written, and what of it is a peer's.
private final class Writing {
    let directory: DataDirectory<SystemDisk>
    var writer: LogWriter<SystemDisk>
    var expected: [UInt8] = []
    private var batch = ByteBuffer()
    private var count = 0

    init(_ path: String, segmentBytes: Int = 4096) throws {
        directory = try DataDirectory(path, on: SystemDisk(), for: .serving(processIdentifier: 1))
        _ = try IdentityFile(creating: Identity(owner: StorageTests.owner, clusterName: "test"), in: directory)
        let log = try LogRecovery.open(directory, from: 0, durable: 0, owner: StorageTests.owner)
        writer = try LogWriter.open(
            continuing: log, in: directory, owner: StorageTests.owner, segmentBytes: segmentBytes)
    }

    func enter(_ kind: LogRecordKind, _ content: [UInt8], forPeer bytes: [UInt8] = []) {
        LogEntry.appendHead(kind: kind.rawValue, length: content.count, into: &batch)
        batch.append(content)
        count += 1
        expected += bytes
    }

    func flush() throws {
        try writer.append(batch.view, entryCount: count, unixMilliseconds: 1)
        batch.removeAll()
        count = 0
    }

    /// Of everything that a log holds something.
    func mixture(_ tick: UInt64, largeBytes: Int = 100) throws {
        let single = frame(tick, own)
        enter(.frames, single, forPeer: single)
        enter(.frames, frame(tick, other))
        let group = frame(tick + 1, own) + frame(tick + 2, own)
        enter(.frames, group, forPeer: group)
        enter(.event, [2])
        // Whoever writes the log ends a batch behind what is large.
        enter(.state, [1, 0] + [UInt8](repeating: 7, count: largeBytes))
        try flush()
        let head = frame(tick + 3, own, records: 0, isElided: true)
        enter(.largeFrame, head + [UInt8](repeating: 9, count: largeBytes), forPeer: head)
        try flush()
        enter(.largeFrame, frame(tick + 3, other, records: 0, isElided: true) + [9, 9])
        enter(.keyStates, [1, 2, 3])
        try flush()
    }
}

private func read(
    _ reader: LogFrameReader<SystemDisk>, upTo end: UInt64, bytesWanted: Int = 300
) throws(LogReadFailure) -> [UInt8] {
    var all: [UInt8] = []
    while reader.position < end {
        let before = reader.position
        var frames = ByteBuffer()
        try reader.read(of: own, upTo: end, bytesWanted: bytesWanted, into: &frames)
        all += frames.array
        if reader.position == before { throw .ended(at: before, wanted: end) }
    }
    return all
}

@Suite struct LogFrameReaderTests {
    @Test("The frames of this node come in order, in pieces, from any batch on, and go on with what is written later")
    func frames() throws {
        try inTemporaryDirectory { path in
            let log = try Writing(path)
            for round in 0..<40 { try log.mixture(UInt64(1 + round * 10)) }
            let middle = (position: log.writer.endPosition, count: log.expected.count)
            #expect(log.writer.segmentCount > 3)
            let reader = try LogFrameReader(log.directory, from: 0, entryBytesMax: 4096)
            #expect(try read(reader, upTo: middle.position) == log.expected)
            for round in 40..<80 { try log.mixture(UInt64(1 + round * 10)) }
            let end = log.writer.endPosition
            let rest = Array(log.expected[middle.count...])
            #expect(try read(reader, upTo: end) == rest)
            let second = try LogFrameReader(log.directory, from: middle.position, entryBytesMax: 4096)
            #expect(try read(second, upTo: end, bytesWanted: 1 << 20) == rest)
        }
    }

    @Test("Of what is larger than any frame a peer can want only the front is held, and all of it is checked")
    func large() throws {
        try inTemporaryDirectory { path in
            let log = try Writing(path, segmentBytes: 64 << 20)
            for round in 0..<3 { try log.mixture(UInt64(1 + round * 10), largeBytes: 5 << 20) }
            let end = log.writer.endPosition
            let reader = try LogFrameReader(log.directory, from: 0, entryBytesMax: 4096)
            #expect(try read(reader, upTo: end) == log.expected)
            // The last byte of a batch that is not held whole.
            let segment = path + "/log/00000001.a2l"
            var bytes = try Files.read(segment)
            bytes[bytes.firstIndex(of: 9).map { $0 + (4 << 20) } ?? 0] ^= 1
            try Files.replace(segment, with: bytes)
            let broken = try LogFrameReader(log.directory, from: 0, entryBytesMax: 4096)
            #expect(throws: LogReadFailure.self) { _ = try read(broken, upTo: end) }
        }
    }

    @Test("Segments removed while they are read stay readable where they are open; behind that the way ends")
    func removed() throws {
        try inTemporaryDirectory { path in
            let log = try Writing(path)
            for round in 0..<40 { try log.mixture(UInt64(1 + round * 10)) }
            let end = log.writer.endPosition
            let reader = try LogFrameReader(log.directory, from: 0, entryBytesMax: 4096)
            var first = ByteBuffer()
            try reader.read(of: own, upTo: end, bytesWanted: 1, into: &first)
            let removed = try log.writer.removeSegments(endingBefore: end)
            #expect(removed > 2)
            let failure = #expect(throws: LogReadFailure.self) { _ = try read(reader, upTo: end) }
            if case .gap(let expected, let found) = failure {
                #expect(expected < found && found == log.writer.firstPosition)
            } else {
                Issue.record("\(String(describing: failure))")
            }
            let late = try LogFrameReader(log.directory, from: 0, entryBytesMax: 4096)
            #expect(throws: LogReadFailure.gap(expected: 0, found: log.writer.firstPosition)) {
                _ = try read(late, upTo: end)
            }
        }
    }

    @Test("Nobody goes on from before what was renamed or recovered, nor beyond what is written")
    func barriers() throws {
        try inTemporaryDirectory { path in
            let log = try Writing(path)
            try log.mixture(1)
            let before = log.writer.endPosition
            log.enter(.state, [1, LogStateFlags.replaces.rawValue, 5])
            try log.flush()
            let renamed = log.writer.endPosition
            try log.mixture(11)
            let end = log.writer.endPosition
            let reader = try LogFrameReader(log.directory, from: 0, entryBytesMax: 4096)
            _ = try read(reader, upTo: before)
            #expect(throws: LogReadFailure.renamed) { _ = try read(reader, upTo: end) }
            log.enter(.state, [1, LogStateFlags.adoptsOwnPast.rawValue, 5])
            try log.flush()
            let recovered = log.writer.endPosition
            let later = try LogFrameReader(log.directory, from: renamed, entryBytesMax: 4096)
            _ = try read(later, upTo: end)
            #expect(throws: LogReadFailure.recovered) { _ = try read(later, upTo: recovered) }
            let latest = try LogFrameReader(log.directory, from: recovered, entryBytesMax: 4096)
            #expect(throws: LogReadFailure.ended(at: recovered, wanted: recovered + 9)) {
                _ = try read(latest, upTo: recovered + 9)
            }
        }
    }
}
