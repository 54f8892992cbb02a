/// Where a peer's stream goes on from, and where positions of the window stand in the log.
import Base
import Synchronization
import Testing

@testable import Replication

private func places(_ list: [(window: UInt64, log: UInt64)], spacing: UInt64 = 1, max: Int = 1 << 14) -> LogPlaces {
    var places = LogPlaces(spacingBytes: spacing, countMax: max)
    for place in list { places.note(LogPlace(window: place.window, log: place.log)) }
    return places
}

@Suite struct CatchUpTests {
    @Test("The window while it has the place, then the log while that reaches back, then states")
    func order() {
        let log = places([(1000, 0), (2000, 900), (3000, 2000), (4000, 3100)])
        func choose(_ position: UInt64?, dataBytes: UInt64 = 0, _ places: LogPlaces? = nil) -> CatchUp {
            CatchUp.choose(
                position: position, windowRange: 3500...4096, places: places ?? log, dataBytes: dataBytes)
        }
        #expect(choose(4096) == .window && choose(3500) == .window)
        #expect(choose(3499) == .log(LogPlace(window: 3000, log: 2000)))
        #expect(choose(2999) == .log(LogPlace(window: 2000, log: 900)))
        #expect(choose(1000) == .log(LogPlace(window: 1000, log: 0)))
        #expect(choose(999) == .state(.logBeginsLater))
        #expect(choose(4097) == .state(.placeUnknown) && choose(nil) == .state(.placeUnknown))
        #expect(choose(2999, LogPlaces()) == .state(.noLog))
        #expect(CatchUp.choose(position: 1, windowRange: 2...3, places: nil, dataBytes: 0) == .state(.noLog))
        var shorter = log
        shorter.forget(before: 901)
        #expect(choose(2500, shorter) == .state(.logBeginsLater))
        #expect(choose(3200, shorter) == .log(LogPlace(window: 3000, log: 2000)))
    }

    @Test("A range of the log is read as long as it is not longer than all data, a short one always")
    func cost() {
        let always = CatchUp.logBytesAlways
        let log = places([(0, 0), (100, 50), (500, 50 + always + 1)])
        func choose(_ position: UInt64, _ dataBytes: UInt64) -> CatchUp {
            CatchUp.choose(position: position, windowRange: 400...500, places: log, dataBytes: dataBytes)
        }
        let dearer = CatchUp.Reason.logIsDearer(logBytes: always + 1, dataBytes: always)
        #expect(choose(100, always) == .state(dearer))
        #expect("\(dearer)".contains("\(always + 1) bytes of log"))
        #expect(choose(100, always + 1) == .log(LogPlace(window: 100, log: 50)))
        let short = places([(0, 0), (500, always)])
        #expect(
            CatchUp.choose(position: 7, windowRange: 400...500, places: short, dataBytes: 0)
                == .log(LogPlace(window: 0, log: 0)))
    }

    @Test("Places are found from both sides, the newest exactly, however many there are", arguments: 0..<20)
    func lookUp(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var all: [LogPlace] = []
        var kept = LogPlaces(spacingBytes: UInt64(1 + random.below(300)), countMax: 2 + random.below(40))
        var place = LogPlace(window: UInt64(random.below(1000)), log: UInt64(random.below(1000)))
        for _ in 0..<500 {
            kept.note(place)
            all.append(place)
            place.window += UInt64(random.below(200))
            place.log += UInt64(random.below(200))
        }
        #expect(kept.newest == all.last, "seed \(seed)")
        for _ in 0..<200 {
            let position = UInt64(random.below(Int(place.window) + 100))
            if let found = kept.place(before: position) {
                #expect(found.window <= position && all.contains(found), "seed \(seed)")
            } else {
                #expect(position < all[0].window, "seed \(seed)")
            }
            let log = UInt64(random.below(Int(place.log) + 100))
            if let found = kept.place(atLog: log) { #expect(found.log <= log && all.contains(found), "seed \(seed)") }
        }
        #expect(kept.place(before: .max) == all.last && kept.place(atLog: .max) == all.last, "seed \(seed)")
        kept.forget(before: all[250].log)
        #expect(kept.oldest.map { $0.log >= all[250].log } ?? true, "seed \(seed)")
    }

    @Test("A next life knows some places of the former, and only those that its log still has")
    func nextLife() {
        var former = LogPlaces(spacingBytes: 1)
        for number in 0..<1000 { former.note(LogPlace(window: UInt64(1000 + number * 10), log: UInt64(number * 8))) }
        let sample = former.sample
        #expect(sample.count <= 65 && sample.count > 30)
        #expect(sample.first == former.oldest && sample.last == former.newest)
        #expect(LogPlaces().sample.isEmpty)
        let fitting = LogPlaces.fitting(sample, window: 1 << 20, log: 100...7000)
        #expect(fitting == sample.filter { $0.log >= 100 && $0.log <= 7000 } && fitting.count > 20)
        #expect(LogPlaces.fitting(sample, window: 1, log: 0...10_000).isEmpty)
        #expect(LogPlaces.fitting(sample.reversed(), window: 1 << 20, log: 0...10_000).isEmpty)
    }

    @Test("With fsync always the log is served as far as it would survive a crash")
    func durableOnly() {
        let log = LogBuffer()
        log.begin(at: 0, capacity: 4096)
        log.note(LogPlace(window: 0, log: 0))
        log.note(LogPlace(window: 1 << 20, log: 1 << 20))
        log.note(LogPlace(window: 2 << 20, log: 2 << 20))
        #expect(log.servedEnd == LogPlace(window: 2 << 20, log: 2 << 20))
        log.isSynchronous.store(true, ordering: .relaxed)
        #expect(log.servedEnd == LogPlace(window: 0, log: 0))
        log.noteDurable(upTo: 1 << 20)
        #expect(log.servedEnd == LogPlace(window: 1 << 20, log: 1 << 20))
        log.forgetPlaces(before: 1)
        #expect(log.placesNow.oldest == LogPlace(window: 1 << 20, log: 1 << 20))
    }
}
