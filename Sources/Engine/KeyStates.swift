/// The states of single keys, for nodes that differ although they have applied the same writes.
///
///     states   = version(1) settleCut(8) entry …     entries as `StateExport` writes them
///
/// Nothing can be told from versions here: of two states the one stays whose last record is later, and where that
/// is the same, the one with the larger fingerprint. Both sides come to the same.
import Base
import CRDT

extension Partition {
    /// Writes the states of keys. Those that are not here are left out: whoever has them keeps them.
    public func writeKeyStates(_ keys: [(database: Int, name: [UInt8])], into out: inout ByteBuffer) {
        out.append(StateExport.version)
        out.append(littleEndian: settleCut.rawValue)
        for (database, name) in keys where database >= 0 && database < databaseCount {
            name.withView { name in
                tables[database].find(name, hash(of: name))?.entry.export(database: database, to: &out)
            }
        }
    }

    /// Takes over those states that win. Returns how many did, nil where the bytes are none: nothing has changed then.
    public mutating func adopt(
        keyStates bytes: ByteView, key: (UInt64, UInt64), _ context: inout ExecutionContext
    ) -> Int? {
        precondition(draftStamp.isZero, "states arrived while a frame is being drafted")
        var check = ByteReader(bytes)
        guard check.byte() == StateExport.version else { return nil }
        let settledUpTo = check.readStamp()
        let start = check.offset
        while !check.isAtEnd {
            guard let entry = check.stateEntry(databases: databaseCount), check.isValid else { return nil }
            if case .name = entry { return nil }
        }
        guard check.isValid else { return nil }
        var reader = ByteReader(bytes.dropFirst(start))
        var adopted = 0
        while let entry = reader.stateEntry(databases: databaseCount) {
            switch entry {
            case .plain(let entry):
                let state = entry.state(settledUpTo: settledUpTo)
                if adopt(state, entry.database, entry.key, key, &context) { adopted += 1 }
            case .general(let database, let name, let state):
                if adopt(state, database, name, key, &context) { adopted += 1 }
            case .name: break
            }
            if reader.isAtEnd { break }
        }
        if adopted > 0 { digestCache.invalidate() }
        return adopted
    }

    private mutating func adopt(
        _ theirs: KeyState, _ database: Int, _ name: ByteView, _ key: (UInt64, UInt64),
        _ context: inout ExecutionContext
    ) -> Bool {
        clock.observe(theirs.modified)
        var isAdopted = false
        withHandle(database, name, &context) { handle in
            let mine = handle.partition.pointee.state(of: handle)
            func fingerprint(_ state: KeyState) -> UInt128 {
                state.fingerprint(database: database, name: name, at: .min, key: key) ?? 0
            }
            if mine.modified > theirs.modified { return }
            if mine.modified == theirs.modified {
                let (here, there) = (fingerprint(mine), fingerprint(theirs))
                if here > there || here == there && !precedes(mine, theirs) { return }
            }
            isAdopted = true
            handle.noteWrite()
            handle.partition.pointee.store(theirs, for: handle)
        }
        return isAdopted
    }
}

/// States that show the same now may still show something else once a deadline has passed.
private func precedes(_ left: KeyState, _ right: KeyState) -> Bool {
    var leftBytes = ByteBuffer()
    var rightBytes = ByteBuffer()
    left.named().encode(to: &leftBytes)
    right.named().encode(to: &rightBytes)
    return leftBytes.view < rightBytes.view
}

/// The states that `writeKeyStates` wrote, for those who look at them without taking them over.
public struct KeyStatesReader {
    private var reader: ByteReader
    private let settledUpTo: Stamp

    public init(_ bytes: ByteView) {
        reader = ByteReader(bytes)
        if reader.byte() != StateExport.version { reader.fail() }
        settledUpTo = reader.readStamp()
    }

    /// Nil behind the last, and where the bytes are none.
    public mutating func next() -> KeyState? {
        guard reader.isValid, !reader.isAtEnd else { return nil }
        switch reader.stateEntry(databases: Limits.databasesMax) {
        case .plain(let entry): return entry.state(settledUpTo: settledUpTo)
        case .general(_, _, let state): return state
        case .name, nil: return nil
        }
    }
}
