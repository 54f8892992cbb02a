/// Making a node again out of its snapshot and its log.
///
/// Several may work at once, each on its share of the partitions: every one is shown the whole log, and takes what
/// concerns its own. Nothing is entered into a log here, and nobody else uses the partitions meanwhile.
import Base
import Commands
import Engine
import Replication
import Wire

/// Why the log does not make a node: it is damaged in a way that checksums do not show, or not this node's.
public enum ReplayFailure: Error, Equatable, CustomStringConvertible {
    case unknownKind(Int)
    case malformed(String)
    case version(String, found: Int, spoken: Int)
    /// A frame that does not follow the last one of its origin.
    case gap(partition: Int, origin: Replica, last: Stamp, frame: Stamp)

    public var description: String {
        switch self {
        case .unknownKind(let kind): "an entry of kind \(kind), which this build does not know"
        case .malformed(let what): "\(what) that cannot be read"
        case .version(let what, let found, let spoken):
            "\(what) of format version \(found), where this build reads \(spoken)"
        case .gap(let partition, let origin, let last, let frame):
            "partition \(partition): the frame \(frame) of replica \(origin) does not follow the last one, \(last)"
        }
    }
}

public struct LogReplayer<Lending: PartitionLending>: ~Copyable {
    /// The first, because ThreadSanitizer takes the first word of this struct for what changes when the context does; if
    /// that were the node, it would see a race between those who work at once.
    private let context: UnsafeMutablePointer<ExecutionContext>
    private let node: Node
    private let partitions: PartitionArray
    private let clusterKey: (UInt64, UInt64)
    /// Partitions whose number leaves `share` when divided by `shareCount` are this one's.
    private let share: Int
    private let shareCount: Int
    /// Whom the node writes as where the log has come to.
    public private(set) var replica: Replica
    public private(set) var framesReplayed = 0
    private var framesSinceSettling = 0

    private static var framesBetweenSettling: Int { 4096 }

    /// `countsOthers`: the node had met others before the snapshot, or there is none.
    public init(
        node: Node, cluster: String, share: Int, of shareCount: Int, countsOthers: Bool, nowMilliseconds: Int64
    ) {
        self.node = node
        partitions = node.partitions
        self.share = share
        self.shareCount = shareCount
        replica = node.replica
        clusterKey = Array(cluster.utf8).withView { Fingerprint.key(named: $0) }
        context = .allocate(capacity: 1)
        context.initialize(to: ExecutionContext(random: SeededRandom(seed: 1)))
        context.pointee.nowMilliseconds = nowMilliseconds
        context.pointee.access.seconds = UInt32(truncatingIfNeeded: nowMilliseconds / 1000)
        if countsOthers { forEachOwn { partitions[$0].pointee.startCounting() } }
    }

    deinit {
        context.deinitialize(count: 1)
        context.deallocate()
    }

    private func forEachOwn(_ body: (Int) -> Void) {
        for partition in stride(from: share, to: Slots.partitionCount, by: shareCount) { body(partition) }
    }

    @inline(__always)
    private func isOwn(_ partition: Int) -> Bool { partition % shareCount == share }

    /// A partition's part of a snapshot.
    public mutating func reload(_ partition: Int, _ state: ByteView) throws(ReplayFailure) {
        guard isOwn(partition) else { return }
        try check(partitions[partition].pointee.reload(state, &context.pointee))
    }

    private func check(_ outcome: StateJoinOutcome) throws(ReplayFailure) {
        switch outcome {
        case .joined, .ahead: return
        case .malformed: throw .malformed("a state")
        case .unknownVersion(let version):
            throw .version("a state", found: Int(version), spoken: Int(StateExport.version))
        }
    }

    /// The next entry of the log.
    public mutating func replay(kind: Int, _ content: ByteView) throws(ReplayFailure) {
        guard kind != LogRecordKind.frames.rawValue else { return try replayFrames(content) }
        guard LogRecordKind(rawValue: kind) != nil else { throw .unknownKind(kind) }
        guard let record = LogRecord(kind: kind, content) else { throw .malformed("an entry of kind \(kind)") }
        switch record {
        case .frames(let frames): try replayFrames(frames)
        case .largeFrame(let header, let records): try replay(header, records)
        case .state(let partition, let flags, let state): try replayState(partition, flags, state)
        case .keyStates(let partition, let states):
            guard isOwn(partition) else { return }
            guard partitions[partition].pointee.adopt(keyStates: states, key: clusterKey, &context.pointee) != nil
            else { throw .malformed("states of keys") }
        case .event(let event): replay(event)
        }
    }

    @inline(__always)
    private mutating func replayFrames(_ frames: ByteView) throws(ReplayFailure) {
        var rest = frames
        while !rest.isEmpty {
            let frame: (header: FrameHeader, records: ByteView, byteCount: Int)
            do throws(FrameCodec.Failure) {
                // Others' are not even looked at: their share does.
                let (partition, byteCount) = try FrameCodec.place(of: rest)
                guard isOwn(partition) else {
                    rest = rest.dropFirst(byteCount)
                    continue
                }
                frame = try FrameCodec.decode(rest)
            } catch {
                if case .version(let found) = error {
                    throw .version("a frame", found: Int(found), spoken: Int(FrameCodec.version))
                }
                throw .malformed("a frame")
            }
            try replay(frame.header, frame.records)
            rest = rest.dropFirst(frame.byteCount)
        }
    }

    @inline(__always)
    private mutating func replay(_ header: borrowing FrameHeader, _ records: ByteView) throws(ReplayFailure) {
        guard isOwn(header.partition) else { return }
        let partition = partitions[header.partition]
        let outcome = partition.pointee.replay(
            stamp: header.stamp, prev: header.prev, cut: header.cut, dependencies: header.dependencies,
            hasAllDependencies: header.hasAllDependencies, records: records, &context.pointee)
        switch outcome {
        case .applied: framesReplayed += 1
        case .duplicate, .waitsForCut: break
        case .malformed: throw .malformed("the records of a frame")
        case .gap, .fork:
            throw .gap(
                partition: header.partition, origin: header.origin,
                last: partition.pointee.versions[header.origin], frame: header.stamp)
        }
        framesSinceSettling += 1
        if framesSinceSettling == Self.framesBetweenSettling { settle() }
    }

    private mutating func settle() {
        framesSinceSettling = 0
        forEachOwn { partitions[$0].pointee.settleWhatIsStable(&context.pointee) }
    }

    private mutating func replayState(
        _ partition: Int, _ flags: LogStateFlags, _ state: ByteView
    ) throws(ReplayFailure) {
        guard isOwn(partition) else { return }
        if flags.contains(.replaces) {
            partitions[partition].startOver()
            return try check(partitions[partition].pointee.reload(state, &context.pointee))
        }
        try check(partitions[partition].pointee.joinState(state, &context.pointee))
        if flags.contains(.adoptsOwnPast) { partitions[partition].pointee.adoptOwnPast() }
    }

    private mutating func replay(_ event: LogEvent) {
        switch event {
        case .goesOn(let next):
            guard next != replica else { return }
            replica = next
            forEachOwn { partitions[$0].pointee.goOn(as: next) }
        case .startsCounting: forEachOwn { partitions[$0].pointee.startCounting() }
        case .cuts(let cut, let settleCut, let fences):
            forEachOwn {
                partitions[$0].pointee.replayCuts(cut: cut, settleCut: settleCut, fences: fences, &context.pointee)
            }
        }
    }

    /// After the last entry. `lease`: stamps up to this time may have been used.
    public mutating func finish(as latest: Replica, leaseMilliseconds: Int64) {
        replay(.goesOn(as: latest))
        let sinceEpoch = UInt64(max(leaseMilliseconds - Stamp.epochMilliseconds, 0))
        forEachOwn {
            partitions[$0].pointee.finishReplay(tick: sinceEpoch << Stamp.counterBits, &context.pointee)
            node.report(partitions[$0])
        }
    }

    /// The highest cuts of this share, for going on where the node stood.
    public var cuts: (cut: Stamp, settleCut: Stamp) {
        var highest = (cut: Stamp.zero, settleCut: Stamp.zero)
        for partition in stride(from: share, to: Slots.partitionCount, by: shareCount) {
            let cuts = partitions[partition].pointee.recoveredCuts
            highest = (max(highest.cut, cuts.cut), max(highest.settleCut, cuts.settleCut))
        }
        return highest
    }
}
