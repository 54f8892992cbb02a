/// What `:top` remembers between readings: rates, repairs, and how the user wants it shown.
import Base
import OS

struct ViewTopSession {
    let watch: ClusterWatch
    var sort = ViewTop.Sort.name
    var isPaused = false
    var isHelpShown = false
    var offset = 0
    private var tracks: [String: Track] = [:]
    private var seenNumber = 0

    /// Of one node, by its address.
    private struct Track {
        var commands: Int64
        var milliseconds: Int64
        var rates: [Int64] = []
        var repaired: Int64
        var repair: (keys: Int64, milliseconds: Int64)?
    }

    private static let ratesMax = 60
    static let refreshChoices: [Int64] = [200, 500, 1000, 2000, 5000, 10_000, 30_000]

    init(_ watch: ClusterWatch) { self.watch = watch }

    /// Takes in what the watch has read since.
    mutating func update() {
        guard let reading = watch.reading, watch.readingNumber != seenNumber else { return }
        seenNumber = watch.readingNumber
        let now = watch.readMilliseconds
        for (place, node) in reading.nodes.enumerated() where !node.condition.isSilent {
            // What this view itself asks is no load worth showing.
            let commands = node.commandsTotal - watch.commandsSent(place)
            guard var track = tracks[node.address] else {
                tracks[node.address] = Track(commands: commands, milliseconds: now, repaired: node.keysRepaired)
                continue
            }
            let elapsed = max(now - track.milliseconds, 1)
            // A node that was started anew counts from 0.
            let rate = commands >= track.commands ? (commands - track.commands) * 1000 / elapsed : 0
            track.rates = Array((track.rates + [rate]).suffix(Self.ratesMax))
            if node.keysRepaired > track.repaired { track.repair = (node.keysRepaired - track.repaired, now) }
            track.commands = commands
            track.milliseconds = now
            track.repaired = node.keysRepaired
            tracks[node.address] = track
        }
    }

    /// Nil: nothing has been read yet.
    func view(_ now: Int64) -> ViewTop? {
        guard let reading = watch.reading else { return nil }
        var top = ViewTop(reading: reading)
        top.rates = reading.nodes.map { tracks[$0.address]?.rates ?? [] }
        top.repairs = reading.nodes.map { node in
            tracks[node.address]?.repair.map {
                ViewTop.Repair(keys: $0.keys, ageMilliseconds: max(now - $0.milliseconds, 0))
            }
        }
        top.digest = watch.digests.map { digests in
            ViewTop.Digest(
                inFlight: digests.count(.inFlight), diverged: digests.count(.diverged),
                byNode: reading.nodes.indices.map { digests.differing($0) },
                ageMilliseconds: max(now - digests.monotonicMilliseconds, 0))
        }
        top.sort = sort
        top.isPaused = isPaused
        top.isHelpShown = isHelpShown
        top.refreshMilliseconds = watch.refreshMilliseconds
        top.offset = offset
        top.unixMilliseconds = SystemClock.wallMilliseconds
        return top
    }

    enum Key: Equatable {
        case character(UInt8)
        case up, down, left, right, pageUp, pageDown, escape
    }

    /// Whether the view is to be left.
    mutating func press(_ key: Key, offsetMax: Int) -> Bool {
        switch key {
        case .character(UInt8(ascii: "q")), .character(UInt8(ascii: "Q")), .character(3): return true
        case .escape:
            guard isHelpShown else { return true }
            isHelpShown = false
        case .character(UInt8(ascii: "?")), .character(UInt8(ascii: "h")):
            isHelpShown.toggle()
            offset = 0
        case .character(UInt8(ascii: "p")), .character(UInt8(ascii: " ")): isPaused.toggle()
        case .character(UInt8(ascii: "s")), .right: sort = sort.next
        case .left: sort = sort.previous
        case .character(UInt8(ascii: "+")), .character(UInt8(ascii: "=")): changeRefresh(by: -1)
        case .character(UInt8(ascii: "-")): changeRefresh(by: 1)
        case .up, .character(UInt8(ascii: "k")): offset -= 1
        case .down, .character(UInt8(ascii: "j")): offset += 1
        case .pageUp: offset -= 10
        case .pageDown: offset += 10
        case .character: break
        }
        offset = min(max(offset, 0), offsetMax)
        return false
    }

    /// More often is the previous choice.
    private func changeRefresh(by step: Int) {
        let choices = Self.refreshChoices
        let index = choices.lastIndex { $0 <= watch.refreshMilliseconds } ?? 0
        watch.refreshMilliseconds = choices[min(max(index + step, 0), choices.count - 1)]
        watch.refreshNow()
    }

    /// Keys out of what the terminal sent; a lone escape byte is the escape key.
    static func keys(_ bytes: [UInt8]) -> [Key] {
        var keys: [Key] = []
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            guard byte == 27 else {
                keys.append(.character(byte))
                continue
            }
            guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "[") || bytes[at] == UInt8(ascii: "O") else {
                keys.append(.escape)
                continue
            }
            at += 1
            // Parameters, then one byte that says which key.
            let start = at
            while at < bytes.count, bytes[at] < 0x40 { at += 1 }
            guard at < bytes.count else { break }
            switch (bytes[at], bytes[start]) {
            case (UInt8(ascii: "A"), _): keys.append(.up)
            case (UInt8(ascii: "B"), _): keys.append(.down)
            case (UInt8(ascii: "C"), _): keys.append(.right)
            case (UInt8(ascii: "D"), _): keys.append(.left)
            case (UInt8(ascii: "~"), UInt8(ascii: "5")): keys.append(.pageUp)
            case (UInt8(ascii: "~"), UInt8(ascii: "6")): keys.append(.pageDown)
            default: break
            }
            at += 1
        }
        return keys
    }
}
