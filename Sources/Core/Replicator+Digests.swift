/// Looking for what should not be there: keys that differ although both sides have applied the same writes.
///
/// The downstream asks for fingerprints of all partitions; where they differ under equal versions, for those of
/// the partition's buckets, then of the bucket's keys, and then it exchanges the states of exactly the keys that
/// differ. Of two states the later one stays, on both sides. A difference under unequal versions is a write on
/// its way. No step remembers another: every answer says what it is about.
import Base
import Engine
import Replication

struct DigestComparison {
    var rounds: UInt64 = 0
    var nextRequest: UInt64 = 1
}

extension Int64 {
    /// Keys about to expire are left out on both sides; whole minutes, so that sums can be kept for a while.
    fileprivate var nearFutureMinute: Int64 { (self / 60_000 + 2) * 60_000 }
}

/// What stands in front of every answer.
private enum Level: UInt8 {
    case partitions, buckets, keys
}

extension Replicator {
    func compareWhatIsDue(_ now: Moment) {
        for link in links where link.isEstablished && !link.isUpstream {
            if link.receiving.nextDigestMilliseconds == 0 {
                link.receiving.nextDigestMilliseconds =
                    now.monotonicMilliseconds + settings.timing.antiEntropyMilliseconds
            }
            guard settings.timing.antiEntropyMilliseconds > 0,
                link.receiving.nextDigestMilliseconds <= now.monotonicMilliseconds
            else { continue }
            startComparison(link, now)
        }
    }

    /// Also what A2.SYNC asks for.
    func startComparison(_ link: PeerLink, _ now: Moment) {
        link.receiving.nextDigestMilliseconds = now.monotonicMilliseconds + settings.timing.antiEntropyMilliseconds
        comparison.rounds &+= 1
        link.send(.versionsRequest)
        ask(.partitions, expiry: comparable(now.unixMilliseconds.nearFutureMinute), link)
    }

    /// A time that both sides can speak of: what expired up to the settle cut may have been forgotten, by one of them
    /// or by both, and the clock of whoever asks, which may be minutes behind, says nothing of that.
    private func comparable(_ asked: Int64) -> Int64 {
        max(asked, stability.settleCut.unixMilliseconds.nearFutureMinute)
    }

    private func ask(_ level: DigestRequest.Level, expiry: Int64, _ link: PeerLink) {
        let request = comparison.nextRequest
        comparison.nextRequest += 1
        link.send(.digestRequest(DigestRequest(request: request, expiryUnixMilliseconds: expiry, level: level)))
    }

    /// What fingerprints are made with: the same on every node of the cluster.
    private var clusterKey: (UInt64, UInt64) {
        settings.cluster.withBytes { Fingerprint.key(named: $0) }
    }

    // MARK: answering

    func answer(_ request: DigestRequest, _ link: PeerLink) {
        let output = link.output
        let mark = output.pointee.beginReply(.digestReply, request: request.request)
        let expiry = comparable(request.expiryUnixMilliseconds)
        output.pointee.append(zigzag: expiry)
        switch request.level {
        case .partitions:
            output.pointee.append(Level.partitions.rawValue)
            for partition in 0..<Slots.partitionCount {
                let digest = executor.digest(partition, before: expiry, key: clusterKey)
                guard digest.versions != 0 else { continue }
                output.pointee.append(varint: partition)
                output.pointee.append(littleEndian: digest.versions)
                output.pointee.append(littleEndian: digest.sum)
            }
        case .buckets(let partition):
            let digest = executor.digest(partition, before: expiry, key: clusterKey)
            output.pointee.append(Level.buckets.rawValue)
            output.pointee.append(varint: partition)
            output.pointee.append(littleEndian: digest.versions)
            for sum in digest.buckets { output.pointee.append(littleEndian: sum) }
        case .keys(let partition, let bucket):
            output.pointee.append(Level.keys.rawValue)
            output.pointee.append(varint: partition)
            output.pointee.append(varint: bucket)
            output.pointee.append(littleEndian: executor.digest(partition, before: expiry, key: clusterKey).versions)
            for key in executor.keyDigests(partition, bucket: bucket, before: expiry, key: clusterKey) {
                key.name.withView { output.pointee.appendKeyName(database: UInt8(key.database), $0) }
                output.pointee.append(littleEndian: key.fingerprint)
                output.pointee.append(littleEndian: key.modified.rawValue)
            }
        }
        output.pointee.endMessage(mark)
    }

    func answerKeyStates(_ link: PeerLink, request: UInt64, partition: Int, _ keys: KeyNames) {
        let mark = link.output.pointee.beginReply(.keyStates, request: request)
        link.output.pointee.append(varint: partition)
        executor.writeKeyStates(
            partition, keys.map { (database: Int($0.database), name: $0.name.array) }, into: &link.output.pointee)
        link.output.pointee.endMessage(mark)
    }

    // MARK: comparing

    func receiveDigests(_ link: PeerLink, request: UInt64, _ body: ByteView, _ now: Moment) {
        var reader = ByteReader(body)
        let expiry = reader.zigzag()
        switch Level(rawValue: reader.byte()) {
        case .partitions: comparePartitions(link, &reader, expiry)
        case .buckets: compareBuckets(link, &reader, expiry)
        case .keys: compareKeys(link, &reader, expiry)
        case nil: reader.fail()
        }
        if !reader.isValid { fail(link, "a digest that cannot be read") }
    }

    private func comparePartitions(_ link: PeerLink, _ reader: inout ByteReader, _ expiry: Int64) {
        while reader.isValid, !reader.isAtEnd {
            let partition = Int(truncatingIfNeeded: reader.varint())
            let versions = reader.littleEndian(UInt64.self)
            let sum = reader.littleEndian(UInt128.self)
            guard reader.isValid, 0..<Slots.partitionCount ~= partition else { return reader.fail() }
            let here = executor.digest(partition, before: expiry, key: clusterKey)
            if here.versions == versions, here.sum != sum { ask(.buckets(partition: partition), expiry: expiry, link) }
        }
    }

    private func compareBuckets(_ link: PeerLink, _ reader: inout ByteReader, _ expiry: Int64) {
        let partition = Int(truncatingIfNeeded: reader.varint())
        let versions = reader.littleEndian(UInt64.self)
        guard reader.isValid, 0..<Slots.partitionCount ~= partition else { return reader.fail() }
        let here = executor.digest(partition, before: expiry, key: clusterKey)
        for bucket in 0..<Slots.perPartition {
            let sum = reader.littleEndian(UInt128.self)
            guard reader.isValid else { return }
            if here.versions == versions, here.buckets[bucket] != sum {
                ask(.keys(partition: partition, bucket: bucket), expiry: expiry, link)
            }
        }
    }

    private func compareKeys(_ link: PeerLink, _ reader: inout ByteReader, _ expiry: Int64) {
        let partition = Int(truncatingIfNeeded: reader.varint())
        let bucket = Int(truncatingIfNeeded: reader.varint())
        let versions = reader.littleEndian(UInt64.self)
        guard reader.isValid, 0..<Slots.partitionCount ~= partition, 0..<Slots.perPartition ~= bucket else {
            return reader.fail()
        }
        let here = executor.keyDigests(partition, bucket: bucket, before: expiry, key: clusterKey)
        var byName: [DatabaseKeyName: UInt128] = [:]
        for key in here { byName[DatabaseKeyName(database: key.database, name: key.name)] = key.fingerprint }
        var differing: [DatabaseKeyName] = []
        while reader.isValid, !reader.isAtEnd {
            let database = Int(reader.byte())
            let name = DatabaseKeyName(database: database, name: reader.lengthPrefixed().array)
            let fingerprint = reader.littleEndian(UInt128.self)
            _ = reader.littleEndian(UInt64.self)
            guard reader.isValid else { return }
            if byName.removeValue(forKey: name) != fingerprint { differing.append(name) }
        }
        // What the peer did not list, it does not have.
        for key in here {
            let name = DatabaseKeyName(database: key.database, name: key.name)
            if byName[name] != nil { differing.append(name) }
        }
        guard !differing.isEmpty, executor.digest(partition, before: expiry, key: clusterKey).versions == versions
        else { return }
        exchange(differing, partition, link)
    }

    /// Sends our states of keys that differ, and asks for the peer's.
    private func exchange(_ names: [DatabaseKeyName], _ partition: Int, _ link: PeerLink) {
        counters.divergedKeys &+= UInt64(names.count)
        let shown = names.prefix(5).map { String(decoding: $0.name, as: UTF8.self) }.joined(separator: ", ")
        if let peer = link.peer {
            log(
                .error,
                "\(names.count) keys of partition \(partition) differ from \(describe(peer)) although both have applied "
                    + "the same writes: \(shown)\(names.count > 5 ? ", …" : ""). Repairing them; please report this")
        }
        let request = comparison.nextRequest
        comparison.nextRequest += 1
        let mark = link.output.pointee.beginKeyStatesRequest(request: request, partition: partition)
        for name in names {
            name.name.withView { link.output.pointee.appendKeyName(database: UInt8(name.database), $0) }
        }
        link.output.pointee.endMessage(mark)
        let reply = link.output.pointee.beginReply(.keyStates, request: request)
        link.output.pointee.append(varint: partition)
        executor.writeKeyStates(
            partition, names.map { (database: $0.database, name: $0.name) }, into: &link.output.pointee)
        link.output.pointee.endMessage(reply)
    }

    func receiveKeyStates(_ link: PeerLink, request: UInt64, _ body: ByteView, _ now: Moment) {
        var reader = ByteReader(body)
        let partition = Int(truncatingIfNeeded: reader.varint())
        guard reader.isValid, 0..<Slots.partitionCount ~= partition,
            let adopted = executor.adoptKeyStates(partition, reader.view(reader.remaining), key: clusterKey)
        else { return fail(link, "states of keys that cannot be read") }
        counters.keysRepaired &+= UInt64(adopted)
        if let peer = link.peer { change(peer.replica) { $0.keysRepaired &+= UInt64(adopted) } }
    }
}

private struct DatabaseKeyName: Hashable {
    let database: Int
    let name: [UInt8]
}
