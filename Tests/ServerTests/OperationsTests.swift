/// The parts of operating a node that need no process: who stands still, who is exposed, what is logged how often.
import Base
import OS
import Options
import Testing

@testable import Server

@Suite struct OperationsTests {
    @Test("A loop stands still when it has not turned for longer than a quiet loop takes")
    func loopWatch() {
        var watch = LoopWatch(loopCount: 2, nowMilliseconds: 1000)
        #expect(watch.look([0, 0], nowMilliseconds: 1000 + LoopWatch.toleranceMilliseconds).isEmpty)
        #expect(watch.look([1, 0], nowMilliseconds: 2000) == [1])
        #expect(watch.isStalled)
        #expect(watch.look([1, 1], nowMilliseconds: 2300).isEmpty && !watch.isStalled)
        #expect(watch.look([1, 1], nowMilliseconds: 2600) == [0])
        #expect(watch.look([2, 1], nowMilliseconds: 9000) == [1])
        #expect(watch.look([2, 1], excusing: [1], nowMilliseconds: 10_000) == [0])
    }

    @Test("What comes often is logged at once, then once an interval with how many were withheld")
    func limiter() {
        var limiter = LogLimiter(intervalMilliseconds: 100)
        #expect(limiter.note(nowMilliseconds: 5) == 0)
        #expect(limiter.note(nowMilliseconds: 6) == nil && limiter.note(nowMilliseconds: 104) == nil)
        #expect(limiter.due(nowMilliseconds: 104) == 0)
        #expect(limiter.note(nowMilliseconds: 105) == 2)
        #expect(limiter.note(nowMilliseconds: 106) == nil)
        #expect(limiter.due(nowMilliseconds: 205) == 1 && limiter.due(nowMilliseconds: 305) == 0)
        #expect(limiter.note(nowMilliseconds: 305) == 0)
    }

    @Test("Exposed is what others reach and no password guards")
    func exposure() {
        var settings = Settings()
        let addresses = ["127.0.0.1:1", "[::1]:1", "127.1.2.3:1", "10.0.0.1:1", "[::]:1", "0.0.0.0:1"]
        let refusing = Exposure(addresses: addresses, settings: settings).warning
        #expect(refusing?.addresses == ["10.0.0.1:1", "[::]:1", "0.0.0.0:1"])
        #expect(Exposure(addresses: Array(addresses.prefix(3)), settings: settings).warning == nil)
        settings.set(.protectedMode, .flag(false), from: .standard)
        #expect(Exposure(addresses: addresses, settings: settings).warning?.text != refusing?.text)
        settings.set(.requirepass, .text("x"), from: .standard)
        #expect(Exposure(addresses: addresses, settings: settings).warning == nil)
    }

    @Test("The first reason to stop stays, the most urgent kind wins")
    func stop() throws {
        let stop = try Stop()
        #expect(stop.current.kind == .none)
        stop.ask(.graceful, reason: "one")
        stop.ask(.immediate, reason: "two")
        stop.ask(.graceful, reason: "three")
        #expect(stop.current.kind == .immediate && stop.current.reason == "one")
    }
}
