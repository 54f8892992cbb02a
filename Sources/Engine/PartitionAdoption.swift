/// Joining a cluster that has never heard of this replica, with what was written here meanwhile.
///
/// What the cluster has settled has lost its name, and its cuts promise that whoever writes has seen it. That is not
/// true of what was written alone: beside such a write, an increment that has settled at one member and not at another
/// is a value here and an increment there. So the cluster's state is taken as by somebody who has nothing, and what
/// was here is written over it, as now, by somebody who sees it. Until then nobody may have seen anything of this
/// partition.
import Base
import CRDT

extension Partition {
    /// Takes over a state as the first that this partition gets of a cluster.
    public mutating func adoptState(
        _ bytes: ByteView, limit: Stamp = .distantFuture, _ context: inout ExecutionContext
    ) -> StateJoinOutcome {
        precondition(draftStamp.isZero, "a state arrived while a frame is being drafted")
        // Something has come already, so what is here has been written beside it.
        let isMine = versions.stamps.allSatisfy { $0.replica == replica }
        guard isMine, !versions.stamps.isEmpty else { return joinState(bytes, limit: limit, &context) }
        if let failure = failure(of: bytes, limit: limit) { return failure }
        let own = takeEverything(&context)
        let outcome = joinState(bytes, limit: limit, &context)
        writeAnew(own, &context)
        return outcome
    }

    /// What would become of joining it, where that is not a join.
    private func failure(of bytes: ByteView, limit: Stamp) -> StateJoinOutcome? {
        var latest = Stamp.zero
        do throws(StateFailure) {
            let document = try StateDocument(bytes, databases: databaseCount) { entry in
                switch entry {
                case .plain(let entry): latest = max(latest, entry.stamp)
                case .general(_, _, let state): latest = max(latest, state.modified)
                case .name: break
                }
            }
            latest = max(latest, document.head.cut)
            for stamp in document.head.context.versions.stamps { latest = max(latest, stamp) }
        } catch {
            if case .version(let version) = error { return .unknownVersion(version) }
            return .malformed
        }
        return latest > limit ? .ahead(latest) : nil
    }

    /// Leaves nothing here, as if nothing had ever been.
    private mutating func takeEverything(
        _ context: inout ExecutionContext
    ) -> [(key: DatabaseKey, state: KeyState)] {
        var own: [(key: DatabaseKey, state: KeyState)] = []
        for database in 0..<databaseCount {
            for name in keys(of: database) {
                name.withView { view in
                    withHandle(database, view, &context) { handle in
                        own.append(
                            (DatabaseKey(database: database, key: name), handle.partition.pointee.state(of: handle)))
                    }
                    let hash = hash(of: view)
                    if let position = tables[database].find(view, hash) { forget(position, database, hash) }
                }
            }
        }
        receiver.versions = Versions()
        receiver.deferred = Deferred()
        receiver.pendingClears = PendingClears()
        latestOwnStamp = .zero
        dependencyChain.startOver()
        digestCache.invalidate()
        return own
    }

    private mutating func writeAnew(
        _ own: [(key: DatabaseKey, state: KeyState)], _ context: inout ExecutionContext
    ) {
        let author = Delta.Author(stamp: stampForWrite(&context), announcedCut: announcedCut)
        for (key, state) in own {
            key.key.withView { name in
                withHandle(key.database, name, &context) { handle in
                    let theirs = handle.partition.pointee.state(of: handle)
                    handle.noteWrite()
                    handle.partition.pointee.store(state.written(over: theirs, by: author), for: handle)
                }
            }
        }
        receiver.versions.advance(to: author.stamp)
        closeDraft()
        dependencyChain.startOver()
    }
}
