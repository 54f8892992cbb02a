/// What the views ask of the nodes: each question gathers, and answers with a view.
import Base
import OS

struct ClusterQuestions {
    let gatherer: ClusterGatherer
    /// The database of `:diff`, `:meta` and `:probe`.
    var database = 0

    func nodes() -> ViewNodes { ViewNodes(reading: gatherer.read()) }

    func lag() -> ViewLag { ViewLag(reading: gatherer.read()) }

    func map(isDot: Bool = false) -> ViewMap { ViewMap(reading: gatherer.read(), isDot: isDot) }

    func digest(showsPartitions: Bool = false, all: Bool = false) -> ViewDigest {
        let comparison = ClusterComparison(gatherer, gatherer.read(), bounds: all ? .all : ClusterComparison.Bounds())
        return ViewDigest(reading: comparison.run(), showsPartitions: showsPartitions, showsAll: all)
    }

    // MARK: One key

    private var select: [[[UInt8]]] { database == 0 ? [] : [[Array("SELECT".utf8), Array("\(database)".utf8)]] }

    /// The replies to requests about a key, by node; nil where it did not answer. A database that the node does not have
    /// answers for all of them.
    private func ask(
        _ reading: inout ClusterReading, _ places: [Int], _ requests: (Int) -> [[[UInt8]]]
    ) -> [Int: [ClusterReply]] {
        let outcomes = gatherer.ask(Dictionary(uniqueKeysWithValues: places.map { ($0, select + requests($0)) }))
        var found: [Int: [ClusterReply]] = [:]
        for place in places {
            switch outcomes[place] {
            case .replies(let replies):
                if !select.isEmpty, let error = replies.first?.error {
                    reading.nodes[place].condition = .silent("SELECT \(database): \(error)")
                } else {
                    found[place] = Array(replies.dropFirst(select.count))
                }
            case .failure(let reason): reading.nodes[place].condition = .silent(reason)
            case nil: break
            }
        }
        return found
    }

    private func responsive(_ reading: ClusterReading) -> [Int] {
        reading.nodes.indices.filter { !reading.nodes[$0].condition.isSilent }
    }

    /// What a client sees of a key on every node, and who wrote it.
    func diff(_ key: [UInt8]) -> ViewSides {
        var reading = gatherer.read()
        var (sides, waited) = (sides(of: key, &reading), Int64(0))
        var agreement: Agreement?
        if sides.differs, reading.answering.count > 1, reading.answering == sides.answering {
            let comparison = ClusterComparison(gatherer, reading)
            if let verdict = comparison.agreement(of: key, database: database) {
                (agreement, waited) = (verdict.agreement, verdict.waitedMilliseconds)
                // What is shown is what was decided about.
                sides = self.sides(of: key, &reading)
            }
        }
        sides.agreement = agreement
        sides.waitedMilliseconds = waited
        return sides
    }

    private func sides(of key: [UInt8], _ reading: inout ClusterReading) -> ViewSides {
        let first = ask(&reading, responsive(reading)) { _ in ClusterKey.firstRequests(key) }
        let second = ask(&reading, first.keys.sorted()) { place in
            let type = first[place]?[0].text ?? "none"
            return [
                ClusterKey.readRequest(type: type, key) ?? [Array("TYPE".utf8), key],
                ClusterKey.sizeRequest(type: type, key) ?? [Array("TYPE".utf8), key],
            ]
        }
        func row(_ name: String, isShared: Bool = true, _ cell: (Int) -> SideCell?) -> SideRow {
            let cells = reading.nodes.indices.map { first[$0] != nil && second[$0] != nil ? cell($0) : nil }
            return SideRow(name: name, cells: cells, isShared: isShared)
        }
        func type(_ place: Int) -> String { first[place]?[0].text ?? "none" }
        let now = SystemClock.wallMilliseconds
        let rows = [
            row("type") { place in
                type(place) == "none" ? SideCell("absent", .null) : SideCell(first[place]?[0].error ?? type(place))
            },
            row("value") { place in
                guard type(place) != "none", let reply = second[place]?[0] else { return nil }
                return ClusterKey.valueCell(type: type(place), reply)
            },
            row("size") { place in
                guard type(place) != "none" else { return nil }
                return second[place]?[1].number.map { SideCell("\($0)", .integer($0)) }
            },
            row("expires") { place in
                guard type(place) != "none", let deadline = first[place]?[1].number else { return nil }
                return ClusterKey.deadlineCell(unixMilliseconds: deadline, now: now)
            },
            row("written by", isShared: false) { place in
                first[place]?[2]["replica"]?.text.map { SideCell("replica \($0)", .text($0)) }
            },
            row("written", isShared: false) { place in
                first[place]?[2].number("written-ms").map {
                    SideCell(ViewNumber.moment(unixMilliseconds: $0), .integer($0))
                }
            },
        ].filter { row in row.cells.contains { $0 != nil } }
        return ViewSides(
            name: "diff", key: key, nodes: reading.nodes, rows: rows,
            answering: second.keys.sorted())
    }

    /// What is remembered of a key: on all nodes, or on the one that was named first.
    func meta(_ key: [UInt8], all: Bool) -> ViewSides {
        var reading = gatherer.read()
        let named = gatherer.placeNamedFirst
        let places = all ? reading.answering : reading.answering.filter { $0 == named }
        let replies = ask(&reading, places) { _ in [[Array("A2.META".utf8), key]] }
        let byNode = reading.nodes.indices.map { replies[$0]?.first }
        for (place, reply) in byNode.enumerated() {
            if let error = reply?.error { reading.nodes[place].condition = .silent("A2.META: \(error)") }
        }
        let rows = ClusterKey.metaRows(byNode, nowMilliseconds: SystemClock.wallMilliseconds)
            .filter { row in row.cells.contains { $0 != nil } }
        let sides = ViewSides(
            name: "meta", key: key, nodes: reading.nodes, rows: rows, answering: replies.keys.sorted())
        return all ? sides : sides.only(named)
    }
}
