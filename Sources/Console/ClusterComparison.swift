/// The comparison of digests: from roots to partitions to buckets to keys, only where something differs, and again after
/// one lag interval, so that what was on its way is told from what has come apart.
import Base
import OS

final class ClusterComparison {
    struct Bounds: Equatable {
        /// Partitions looked into, buckets of them, keys listed.
        var partitionsMax = 32
        var bucketsPerPartitionMax = 8
        var keysMax = 100
        /// Looks at a key that stays undecided.
        var roundsMax = 3

        static let all = Bounds(
            partitionsMax: Slots.partitionCount, bucketsPerPartitionMax: Slots.perPartition, keysMax: .max, roundsMax: 3
        )
    }

    private struct Bucket: Hashable {
        let partition: Int
        let bucket: Int
    }

    private struct KeyName: Hashable {
        let bucket: Bucket
        let database: Int
        let key: [UInt8]
    }

    private let gatherer: ClusterGatherer
    private let bounds: Bounds
    private var cluster: ClusterReading
    /// Places in the reading of those compared; who stops answering leaves.
    private var places: [Int]
    private var started: Int64 = 0

    init(_ gatherer: ClusterGatherer, _ cluster: ClusterReading, bounds: Bounds = Bounds()) {
        self.gatherer = gatherer
        self.cluster = cluster
        self.bounds = bounds
        places = cluster.answering
    }

    /// Long enough for a write to arrive everywhere: twice what was measured, as measures are of the past.
    static func lagInterval(_ cluster: ClusterReading) -> Int64 {
        let up = cluster.directions.compactMap { direction -> Int64? in
            let link = cluster.link(reader: direction.reader, writer: direction.writer)
            return link.state == .up ? link.lagMilliseconds : nil
        }
        return min(max((up.max() ?? 0) * 2, 250), 5000)
    }

    // MARK: Everything

    /// Begins anew without whoever stopped answering on the way: looks of different nodes cannot be compared.
    func run() -> DigestReading {
        while true {
            let count = places.count
            let result = attempt()
            if places.count == count || gatherer.isStopped() { return result }
        }
    }

    private func attempt() -> DigestReading {
        started = SystemClock.monotonicMilliseconds
        var result = DigestReading(cluster: cluster, compared: roots())
        guard places.count > 1, Set(result.compared.map(\.root)).count > 1, let first = partitions() else {
            result.cluster = cluster
            return result
        }
        // Where all have applied the same, a difference explains itself least: that is looked into first.
        let suspects = first.looks.indices.filter { !first.looks[$0].isEqual }
            .sorted { (rank(first.looks[$0]), $0) < (rank(first.looks[$1]), $1) }
        let looked = Array(suspects.prefix(bounds.partitionsMax))
        let (buckets, cut) = differingBuckets(of: looked)
        let keys = differingKeys(in: buckets)
        if !suspects.isEmpty { pause() }
        guard let second = partitions() else {
            result.cluster = cluster
            return result
        }
        result.partitions = second.agreements(after: first)
        result.missing = second.missing(since: first, unixMilliseconds: SystemClock.wallMilliseconds)
        let differing = settle(keys).filter { $0.agreement != .equal }.sorted(by: Self.isListedBefore)
        for key in differing { result.partitions[key.partition] = max(result.partitions[key.partition], key.agreement) }
        result.keys = Array(differing.prefix(bounds.keysMax))
        result.keysOmitted = differing.count - result.keys.count
        let omitted = Set(suspects.dropFirst(looked.count)).union(cut)
        result.partitionsOmitted = omitted.count { result.partitions[$0] != .equal }
        if !suspects.isEmpty { result.waitedMilliseconds = SystemClock.monotonicMilliseconds - started }
        result.compared = roots()
        result.cluster = cluster
        return result
    }

    private func rank(_ look: AgreementLook) -> Int { look.versions.allSatisfy { $0 == look.versions.first } ? 0 : 1 }

    private static func isListedBefore(_ left: KeyDifference, _ right: KeyDifference) -> Bool {
        if left.agreement != right.agreement { return left.agreement > right.agreement }
        if left.partition != right.partition { return left.partition < right.partition }
        if left.database != right.database { return left.database < right.database }
        return left.key.lexicographicallyPrecedes(right.key)
    }

    private func pause() {
        let end = SystemClock.monotonicMilliseconds + Self.lagInterval(cluster)
        while true {
            let left = end - SystemClock.monotonicMilliseconds
            if left <= 0 || gatherer.isStopped() { return }
            ClusterPoll.sleep(until: [], timeoutMilliseconds: min(left, 50))
        }
    }

    // MARK: Asking

    static func request(_ words: String...) -> [[UInt8]] {
        [Array("A2.DIGEST".utf8)] + words.map { Array($0.utf8) }
    }

    /// Replies of everybody who is still compared, in the order of `places`; who fails is compared no more.
    private func ask(_ requests: [[[UInt8]]]) -> [[ClusterReply]] {
        let outcomes = gatherer.ask(
            Dictionary(uniqueKeysWithValues: places.map { ($0, requests) }),
            silenceMilliseconds: gatherer.limits.digestMilliseconds)
        var all: [[ClusterReply]] = []
        places = places.filter { place in
            switch outcomes[place] {
            case .replies(let replies):
                guard let error = replies.lazy.compactMap(\.error).first else {
                    all.append(replies)
                    return true
                }
                cluster.nodes[place].condition = .silent("A2.DIGEST: \(error)")
            case .failure(let reason): cluster.nodes[place].condition = .silent(reason)
            case nil: break
            }
            return false
        }
        return all
    }

    private func roots() -> [DigestReading.Node] {
        let replies = ask([Self.request()])
        return zip(places, replies).map { DigestReading.Node(index: $0, root: $1[0].text ?? "") }
    }

    static var partitionRequests: [[[UInt8]]] {
        (0..<Slots.partitionCount).map { request("\($0)", "WITHVERSIONS") }
    }

    /// Out of the replies of each node to `partitionRequests`.
    static func partitionLooks(_ replies: [[ClusterReply]]) -> PartitionLooks {
        PartitionLooks(looks: (0..<Slots.partitionCount).map { partition in look(replies.map { $0[partition] }) })
    }

    /// Nil: fewer than two are left.
    private func partitions() -> PartitionLooks? {
        let replies = ask(Self.partitionRequests)
        return places.count > 1 ? Self.partitionLooks(replies) : nil
    }

    private static func look(_ replies: [ClusterReply]) -> AgreementLook {
        AgreementLook(
            fingerprints: replies.map { $0.text("digest") },
            versions: replies.map { $0["versions"]?.members?.first?.value.versions ?? Versions() })
    }

    /// Those looked into, and the partitions that have more.
    private func differingBuckets(of partitions: [Int]) -> (buckets: [Bucket], cut: [Int]) {
        let all = partitions.flatMap { partition in
            (0..<Slots.perPartition).map { Bucket(partition: partition, bucket: $0) }
        }
        guard !all.isEmpty, places.count > 1 else { return ([], []) }
        let replies = ask(all.map { Self.request("\($0.partition)", "\($0.bucket)") })
        guard places.count > 1 else { return ([], []) }
        var (buckets, cut) = ([Bucket](), [Int]())
        var counts = [Int](repeating: 0, count: Slots.partitionCount)
        for (index, bucket) in all.enumerated() where Set(replies.map { $0[index].text }).count > 1 {
            counts[bucket.partition] += 1
            if counts[bucket.partition] <= bounds.bucketsPerPartitionMax {
                buckets.append(bucket)
            } else if cut.last != bucket.partition {
                cut.append(bucket.partition)
            }
        }
        return (buckets, cut)
    }

    /// All keys of the buckets that nodes show differently, each with what was seen of it.
    private func differingKeys(in buckets: [Bucket]) -> [KeyName: AgreementLook] {
        guard !buckets.isEmpty, places.count > 1 else { return [:] }
        let replies = ask(buckets.map { Self.request("\($0.partition)", "\($0.bucket)", "WITHVERSIONS", "KEYS") })
        var found: [KeyName: AgreementLook] = [:]
        for (index, bucket) in buckets.enumerated() where places.count > 1 {
            let looks = Self.keys(of: bucket, replies.map { $0[index] })
            for (name, look) in looks where !look.isEqual { found[name] = look }
        }
        return found
    }

    private static func keys(of bucket: Bucket, _ replies: [ClusterReply]) -> [KeyName: AgreementLook] {
        let versions = look(replies).versions
        var looks: [KeyName: AgreementLook] = [:]
        for (node, reply) in replies.enumerated() {
            for line in reply["keys"]?.elements ?? [] {
                guard let parts = line.elements, parts.count == 3, let database = parts[0].number,
                    let key = parts[1].bytes
                else { continue }
                let name = KeyName(bucket: bucket, database: Int(clamping: database), key: key)
                let blank = AgreementLook(fingerprints: replies.map { _ in nil }, versions: versions)
                looks[name, default: blank].fingerprints[node] = parts[2].text
            }
        }
        return looks
    }

    // MARK: Deciding

    /// Looks at the keys again, as often as it takes or is worth.
    private func settle(_ keys: [KeyName: AgreementLook]) -> [KeyDifference] {
        var open = keys
        var settled: [KeyDifference] = []
        var round = 0
        while !open.isEmpty {
            round += 1
            if round > 1 { pause() }
            let count = places.count
            let again = looks(at: open)
            guard places.count == count, count > 1 else {
                return settled + open.map { Self.difference($0, $1, .inFlight) }
            }
            var undecided: [KeyName: AgreementLook] = [:]
            for (name, look) in again {
                let agreement = open[name].map { look.agreement(after: $0) } ?? .inFlight
                if agreement == .inFlight, round < bounds.roundsMax, !gatherer.isStopped() {
                    undecided[name] = look
                } else {
                    settled.append(Self.difference(name, look, agreement))
                }
            }
            open = undecided
        }
        return settled
    }

    private func looks(at keys: [KeyName: AgreementLook]) -> [KeyName: AgreementLook] {
        let buckets = Set(keys.keys.map(\.bucket)).sorted { ($0.partition, $0.bucket) < ($1.partition, $1.bucket) }
        let replies = ask(buckets.map { Self.request("\($0.partition)", "\($0.bucket)", "WITHVERSIONS", "KEYS") })
        var found: [KeyName: AgreementLook] = [:]
        for (index, bucket) in buckets.enumerated() where places.count > 1 {
            let looks = Self.keys(of: bucket, replies.map { $0[index] })
            for name in keys.keys where name.bucket == bucket {
                // Gone everywhere: equal.
                found[name] = looks[name] ?? AgreementLook(fingerprints: places.map { _ in nil }, versions: [])
            }
        }
        return found
    }

    private static func difference(_ name: KeyName, _ look: AgreementLook, _ agreement: Agreement) -> KeyDifference {
        KeyDifference(
            database: name.database, key: name.key, partition: name.bucket.partition, bucket: name.bucket.bucket,
            agreement: agreement, fingerprints: look.fingerprints)
    }

    // MARK: One key

    /// Whether one key has come apart, looked at again after one lag interval where it differs.
    func agreement(of key: [UInt8], database: Int) -> (agreement: Agreement, waitedMilliseconds: Int64)? {
        guard places.count > 1 else { return nil }
        let slot = key.withView { Slots.slot(of: $0) }
        let bucket = Bucket(partition: slot / Slots.perPartition, bucket: slot % Slots.perPartition)
        let name = KeyName(bucket: bucket, database: database, key: key)
        started = SystemClock.monotonicMilliseconds
        let blank = AgreementLook(fingerprints: places.map { _ in nil }, versions: [])
        let first = looks(at: [name: blank])
        guard places.count > 1, let look = first[name] else { return nil }
        if look.isEqual { return (.equal, 0) }
        pause()
        let worst = settle(first).map(\.agreement).max()
        return worst.map { ($0, SystemClock.monotonicMilliseconds - started) }
    }
}
