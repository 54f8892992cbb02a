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
        /// What the peer had, as far as it is known; empty: something is missing in its stream, and only its state
        /// shows what.
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
    /// What is wanted has stamps beyond our clock, or comes by itself: looked at again after this long.
    static let aheadMilliseconds: Int64 = 1000

    var isEmpty: Bool { needs.isEmpty }

    /// `renews`: what is under way may have been on its way before this went missing, so it is asked for again.
    mutating func insert(_ need: Need, renews: Bool = true) {
        let position = place(of: need)
        guard position < needs.count, needs[position].partition == need.partition, needs[position].link == need.link
        else { return needs.insert(need, at: position) }
        // What is not known to suffice for one of them suffices for neither.
        if need.wanted.stamps.isEmpty { needs[position].wanted = Versions() }
        if !needs[position].wanted.stamps.isEmpty { needs[position].wanted.formUnion(need.wanted) }
        needs[position].isOfOrigin = needs[position].isOfOrigin || need.isOfOrigin
        needs[position].dueMilliseconds = min(needs[position].dueMilliseconds, need.dueMilliseconds)
        if needs[position].request != nil, renews { needs[position].isRenewed = true }
    }

    /// Where it stands, or would.
    private func place(of need: Need) -> Int {
        var low = 0
        var high = needs.count
        while low < high {
            let middle = (low + high) / 2
            if (needs[middle].partition, needs[middle].link) < (need.partition, need.link) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    func isNeeded(link: Int, ofOrigin: Bool) -> Bool {
        needs.contains { $0.link == link && (!ofOrigin || $0.isOfOrigin) }
    }

    func count(link: Int) -> Int { needs.count { $0.link == link } }

    /// The needs that may be asked for now; they are then under way. One pass: there may be hundreds.
    mutating func takeDue(
        nowMilliseconds: Int64, isOpen: (Int) -> Bool, isCovered: (Need) -> Bool, isAhead: (Need) -> Bool,
        isComing: (Need) -> Bool
    ) -> [(need: Need, request: UInt64)] {
        var free = freeRequests(isOpen)
        var taken: [(need: Need, request: UInt64)] = []
        var covered: [Int] = []
        var asked = -1
        for index in needs.indices {
            let need = needs[index]
            if isAskedFrom(index) { asked = need.partition }
            guard need.request == nil else { continue }
            if !need.wanted.stamps.isEmpty, isCovered(need) {
                covered.append(index)
                continue
            }
            guard asked != need.partition, need.dueMilliseconds <= nowMilliseconds,
                let link = free.firstIndex(where: { $0.link == need.link && $0.count > 0 })
            else { continue }
            if isAhead(need) || isComing(need) {
                needs[index].dueMilliseconds = nowMilliseconds + Self.aheadMilliseconds
                continue
            }
            free[link].count -= 1
            asked = need.partition
            needs[index].request = nextRequest
            taken.append((needs[index], nextRequest))
            nextRequest += 1
        }
        for index in covered.reversed() { needs.remove(at: index) }
        return taken
    }

    /// At the first need of a partition: whether one of its needs is under way.
    private func isAskedFrom(_ index: Int) -> Bool {
        let partition = needs[index].partition
        guard index == 0 || needs[index - 1].partition != partition else { return false }
        return needs[index...].prefix { $0.partition == partition }.contains { $0.request != nil }
    }

    /// How many more requests each open link takes.
    private func freeRequests(_ isOpen: (Int) -> Bool) -> [(link: Int, count: Int)] {
        var free: [(link: Int, count: Int)] = []
        for need in needs {
            var index = free.firstIndex { $0.link == need.link }
            if index == nil {
                free.append((need.link, isOpen(need.link) ? Self.requestsPerLinkMax : 0))
                index = free.count - 1
            }
            if let index, need.request != nil { free[index].count -= 1 }
        }
        return free
    }

    /// When the next need falls due. Those that are due wait for what is under way.
    func nextDueMilliseconds(after nowMilliseconds: Int64) -> Int64? {
        needs.lazy.filter { $0.request == nil && $0.dueMilliseconds > nowMilliseconds }.map(\.dueMilliseconds).min()
    }

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
