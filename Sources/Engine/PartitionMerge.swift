/// Taking in a peer's frame: the other side of a write.
///
/// A frame applies if it follows the last one of its origin here and everything its cut promises has
/// arrived. Its records are decoded before the first is applied, so a malformed frame changes nothing.
import Base
import CRDT

/// What becomes of a frame that arrives.
public enum MergeOutcome: Equatable, Sendable {
    case applied
    /// Seen before.
    case duplicate
    /// An earlier frame of its origin is missing; this is the last one here.
    case gap(after: Stamp)
    /// Its cut is ahead of what this node has applied: hold it until that has come.
    case waitsForCut
    /// It overlaps what is here without continuing it: two nodes write under one name, or history was lost.
    case fork
    case malformed
}

extension Partition {
    /// For each replica the highest stamp applied here, this one's own included.
    public var versions: Versions {
        var versions = receiver.versions
        versions.advance(to: latestOwnStamp)
        return versions
    }

    /// What a frame of this replica depends on: everything applied here from others.
    public var dependencies: Versions { receiver.versions }

    /// The highest stamp of `origin` applied here.
    @inline(__always)
    func latestStamp(of origin: Replica) -> Stamp {
        let latest = receiver.versions[origin]
        return origin == replica ? max(latest, latestOwnStamp) : latest
    }

    /// Takes in a frame whose dependencies are known as a whole.
    public mutating func merge(
        _ frame: FrameContext, records: ByteView, _ context: inout ExecutionContext
    ) -> MergeOutcome {
        let latest = latestStamp(of: frame.origin)
        if frame.stamp <= latest { return .duplicate }
        if frame.prev != latest { return frame.prev > latest ? .gap(after: latest) : .fork }
        if !receiver.faults.contains(.ignoresCut) {
            guard holdsEverything(upTo: frame.cut, of: frame.dependencies) else { return .waitsForCut }
        }
        let outcome = mergeNext(frame, records, &context)
        if outcome == .applied { dependencyChain.remember(frame.dependencies, of: frame.origin) }
        return outcome
    }

    /// A frame that follows the last one of its origin, and everything up to its cut is here.
    @inline(__always)
    mutating func mergeNext(
        _ frame: borrowing FrameContext, _ records: ByteView, _ context: inout ExecutionContext
    ) -> MergeOutcome {
        precondition(draftStamp.isZero, "a frame arrived while one is being drafted")
        receiver.versions.advance(to: latestOwnStamp)
        guard apply(records, frame, &context) else { return .malformed }
        returns.noteWrite(frame.stamp)
        receiver.advance(to: frame.stamp)
        dependencyChain.noteNews()
        clock.observe(frame.stamp)
        return .applied
    }

    /// The general way. False, and nothing changed, where the records are malformed.
    mutating func applyAny(
        _ records: ByteView, _ frame: FrameContext, _ context: inout ExecutionContext
    ) -> Bool {
        guard let decoded = decode(records) else { return false }
        for record in decoded {
            switch record {
            case .key(let key, let delta): merge(delta, key, frame, &context)
            case .clearDatabase(let database): mergeClear(database, frame, &context)
            }
        }
        return true
    }

    mutating func decode(_ records: ByteView) -> [Record]? {
        var reader = ByteReader(records)
        var decoded: [Record] = []
        while !reader.isAtEnd {
            guard let record = RecordCodec.decode(&reader) else { return nil }
            let database =
                switch record {
                case .key(let key, _): key.database
                case .clearDatabase(let database): database
                }
            guard database < databaseCount else { return nil }
            decoded.append(record)
        }
        return decoded
    }

    mutating func merge(
        _ delta: Delta, _ key: DatabaseKey, _ frame: FrameContext, _ context: inout ExecutionContext
    ) {
        key.key.withView { name in
            withHandle(key.database, name, &context) { handle in
                var state = handle.partition.pointee.state(of: handle)
                state.merge(delta, of: key, in: frame, receiver: &handle.partition.pointee.receiver)
                handle.noteWrite()
                handle.partition.pointee.store(state, for: handle)
            }
        }
    }

    mutating func mergeClear(_ database: Int, _ frame: FrameContext, _ context: inout ExecutionContext) {
        returns.hasRemoval = true
        if !frame.isCovered(by: receiver.versions) {
            receiver.pendingClears.insert(PendingClears.Clear(context: frame, slots: .all), ofDatabase: database)
        }
        for name in keys(of: database) {
            name.withView { name in
                withHandle(database, name, &context) { handle in
                    var state = handle.partition.pointee.state(of: handle)
                    state.mergeClear(in: frame)
                    handle.noteWrite()
                    handle.partition.pointee.store(state, for: handle)
                }
            }
        }
    }

    /// All key names of a database, in hash order.
    func keys(of database: Int) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var position: UInt64? = 0
        while let at = position {
            position = tables[database].visit(at) { names.append($0.entry.key.array) }
        }
        return names
    }

    mutating func withHandle(
        _ database: Int, _ name: ByteView, _ context: inout ExecutionContext, _ body: (KeyHandle) -> Void
    ) {
        withUnsafeMutablePointer(to: &self) { partition in
            withUnsafeMutablePointer(to: &context) { context in
                body(
                    KeyHandle(
                        partition: partition, context: context, database: database,
                        hash: partition.pointee.hash(of: name), name: name))
            }
        }
    }

    /// Forgets the history that no frame still in flight can ask for; of compact counters a share of them.
    public mutating func settleWhatIsStable(_ context: inout ExecutionContext) {
        settleHistories(&context)
        settleCounters(&context)
    }

    private mutating func settleHistories(_ context: inout ExecutionContext) {
        guard !unsettled.isEmpty, isSole || settleCut > unsettled.cut else { return }
        for key in unsettled.take(at: settleCut) {
            key.key.withView { name in
                withHandle(key.database, name, &context) { handle in
                    guard let entry = handle.partition.pointee.tables[key.database].find(name, handle.hash)?.entry,
                        entry.kind == .general
                    else { return }
                    // Storing settles, and remembers the key again if something is left.
                    handle.partition.pointee.store(entry.general.takeUnretainedValue().state, for: handle)
                }
            }
        }
    }
}

/// Keys in general form that the cut has not reached, each once, in the order in which they came to wait.
struct WaitingKeys {
    private var order: [DatabaseKey] = []
    /// Looked up, never iterated.
    private var members: Set<DatabaseKey> = []
    /// Where the cut stood when they were last looked through: before it moves there is nothing to do.
    private(set) var cut = Stamp.zero

    var isEmpty: Bool { order.isEmpty }
    var count: Int { order.count }

    mutating func insert(_ key: DatabaseKey) {
        if members.insert(key).inserted { order.append(key) }
    }

    mutating func take(at cut: Stamp) -> [DatabaseKey] {
        self.cut = cut
        defer {
            order = []
            members.removeAll(keepingCapacity: true)
        }
        return order
    }
}
