/// What this node lacks, by partition, and who has it: the order of state requests.
///
/// One request per partition is under way at a time, a few per link. A need is asked about again until what is
/// here covers what its holder had; a frame that was let go meanwhile starts it over.
import Base

struct RepairPlan {
    struct Need {
        let partition: Int
        /// The link whose peer has it.
        let link: Int
        /// What the peer had, as far as it is known; empty: something is missing in its stream.
        var wanted: Versions
        /// Writes of the peer's own are missing: until they are here its heartbeats prove nothing.
        var isOfOrigin: Bool
        /// Not to be asked for before this: it may come by itself.
        var dueMilliseconds: Int64
        var request: UInt64?
        /// More went missing while the request was under way.
        var isRenewed = false
    }

    /// In order of partition, then link.
    private(set) var needs: [Need] = []
    private var nextRequest: UInt64 = 1

    static let requestsPerLinkMax = 4
    /// What is wanted has stamps beyond our clock: looked at again after this long.
    static let aheadMilliseconds: Int64 = 1000

    var isEmpty: Bool { needs.isEmpty }

    mutating func insert(_ need: Need) {
        let position = needs.firstIndex { ($0.partition, $0.link) >= (need.partition, need.link) } ?? needs.count
        guard position < needs.count, needs[position].partition == need.partition, needs[position].link == need.link
        else { return needs.insert(need, at: position) }
        needs[position].wanted.formUnion(need.wanted)
        needs[position].isOfOrigin = needs[position].isOfOrigin || need.isOfOrigin
        needs[position].dueMilliseconds = min(needs[position].dueMilliseconds, need.dueMilliseconds)
        if needs[position].request != nil { needs[position].isRenewed = true }
    }

    func isNeeded(link: Int, ofOrigin: Bool) -> Bool {
        needs.contains { $0.link == link && (!ofOrigin || $0.isOfOrigin) }
    }

    func count(link: Int) -> Int { needs.count { $0.link == link } }

    /// Whether something is asked for of a partition.
    func isAsked(partition: Int) -> Bool { needs.contains { $0.partition == partition && $0.request != nil } }

    /// The next need that may be asked for now, if any; it is then under way.
    mutating func next(
        nowMilliseconds: Int64, isOpen: (Int) -> Bool, isCovered: (Need) -> Bool, isAhead: (Need) -> Bool
    ) -> (need: Need, request: UInt64)? {
        needs.removeAll { $0.request == nil && !$0.wanted.stamps.isEmpty && isCovered($0) }
        for index in needs.indices {
            let need = needs[index]
            guard need.request == nil, need.dueMilliseconds <= nowMilliseconds, isOpen(need.link),
                !isAsked(partition: need.partition), asked(link: need.link) < Self.requestsPerLinkMax
            else { continue }
            if isAhead(need) {
                needs[index].dueMilliseconds = nowMilliseconds + Self.aheadMilliseconds
                continue
            }
            let request = nextRequest
            nextRequest += 1
            needs[index].request = request
            return (needs[index], request)
        }
        return nil
    }

    /// When the next need falls due.
    var nextDueMilliseconds: Int64? {
        needs.lazy.filter { $0.request == nil }.map(\.dueMilliseconds).min()
    }

    private func asked(link: Int) -> Int { needs.count { $0.link == link && $0.request != nil } }

    /// The state asked for has been joined. Returns the partition.
    mutating func finish(request: UInt64, link: Int) -> Int? {
        guard let index = needs.firstIndex(where: { $0.request == request && $0.link == link }) else { return nil }
        let partition = needs[index].partition
        if needs[index].isRenewed {
            needs[index].isRenewed = false
            needs[index].request = nil
        } else {
            needs.remove(at: index)
        }
        return partition
    }

    /// What came could not be joined yet.
    mutating func postpone(request: UInt64, link: Int, until milliseconds: Int64) {
        guard let index = needs.firstIndex(where: { $0.request == request && $0.link == link }) else { return }
        needs[index].request = nil
        needs[index].isRenewed = false
        needs[index].dueMilliseconds = milliseconds
    }

    func partition(request: UInt64, link: Int) -> Int? {
        needs.first { $0.request == request && $0.link == link }?.partition
    }

    mutating func removeAll(link: Int) { needs.removeAll { $0.link == link } }
}
