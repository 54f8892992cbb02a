/// The loop that sends, against servers whose behaviour is known: what it measures must be what happened.
import Base
import Client
import Foundation
import OS
import Synchronization
import TestSupport
import Testing

@testable import Bench

@Suite(.serialized) struct LoopTests {
    private func plan(_ port: Int, _ test: String = "ping_mbulk", _ change: (inout LoadPlan) -> Void) throws -> LoadPlan
    {
        var plan = LoadPlan()
        plan.name = test
        plan.targets = [LoadTarget(Endpoint(port: UInt16(port)))]
        change(&plan)
        plan.commands = [RequestPlan(try #require(CatalogTest.named(test).first).template, plan.shape)]
        plan.weights = [1]
        return plan
    }

    @Test("Response time of an open loop is what each request waited since it was due")
    func openLoop() throws {
        // One connection, and a pause of 400 ms that 40% of all requests fall into.
        let replied = Mutex<[Int64]>([])
        let began = Atomic<Int64>(0)
        let server = try ScriptedServer { _ in
            let now = SystemClock.monotonicNanoseconds
            if began.load(ordering: .relaxed) == 0 { began.store(now, ordering: .relaxed) }
            let count = replied.withLock { $0.count }
            if count == 300 { usleep(400_000) }
            replied.withLock { $0.append(SystemClock.monotonicNanoseconds) }
            return "+PONG\r\n"
        }
        defer { server.stop() }
        let plan = try plan(server.port) {
            $0.clients = 1
            $0.mode = .open(RatePlan(perSecond: 1000), .fixed)
            $0.requests = 1000
        }
        let board = RunBoard(plan)
        let result = try LoadRun.run(plan, interruption: nil, board: board)
        #expect(result.replies == 1000 && result.errorCount == 0)
        let expected = replied.withLock { times in
            times.enumerated().map { Double($1 - board.startNanoseconds) / 1000 - Double($0) * 1000 }.sorted()
        }
        try #require(expected.count == 1000)
        for percentile in [50.0, 75, 90, 95, 99] {
            let wanted = expected[Int(percentile * 10) - 1]
            let found = Double(result.all.response.value(atPercentile: percentile))
            // What the server cannot see is the way of its reply: some part of a millisecond.
            #expect(
                abs(found - wanted) <= wanted * 0.02 + 1500, "p\(percentile): \(found) µs, the server saw \(wanted) µs")
        }
        #expect(result.all.response.value(atPercentile: 90) > 100_000)
        // The one request that met the pause is the one that a closed loop would have seen.
        #expect(result.all.service.value(atPercentile: 99) < 100_000)
        #expect(result.all.service.maximum >= 400_000)
    }

    @Test("Every request is sent once, whatever the pipeline and however many threads", arguments: [1, 7, 64])
    func exactCount(pipeline: Int) throws {
        let store = ScriptedStore()
        let server = try ScriptedServer { store.reply($0) }
        defer { server.stop() }
        let plan = try plan(server.port, "incr") {
            $0.clients = 5
            $0.threads = 2
            $0.pipeline = pipeline
            $0.requests = 1003
            $0.shape.keyPrefix = "counter:"
        }
        let result = try LoadRun.run(plan, interruption: nil)
        #expect(result.replies == 1003 && result.latency.totalCount == 1003)
        #expect(store.reply(["GET", "counter:__rand_int__"]) == "$4\r\n1003\r\n")
        #expect(result.intervals.reduce(0) { $0 + $1.replies } == 1003)
    }

    @Test("Loading touches each key once, also with two threads and a pipeline")
    func sequentialKeys() throws {
        let store = ScriptedStore()
        let server = try ScriptedServer {
            $0[0] == "SET" ? store.reply(["INCR", $0[1]]).replacing(":1", with: "+1") : ""
        }
        defer { server.stop() }
        let options = try BenchOptions(
            .load, [("keyspace", "997"), ("threads", "2"), ("pipeline", "10"), ("port", "\(server.port)")], operands: []
        )
        let result = try LoadRun.run(LoadVerb.plan(options), interruption: nil)
        #expect(result.replies == 997)
        for key in [0, 1, 500, 996] { #expect(store.reply(["GET", keyName("key:", key)]) == "$1\r\n1\r\n") }
    }

    @Test("Errors are counted by code and are no replies")
    func errors() throws {
        let count = Atomic<Int>(0)
        let server = try ScriptedServer { _ in
            switch count.add(1, ordering: .relaxed).newValue % 4 {
            case 0: "-OOM command not allowed\r\n"
            case 1: "-ERR broken\r\n"
            default: "+PONG\r\n"
            }
        }
        defer { server.stop() }
        let result = try LoadRun.run(try plan(server.port) { $0.requests = 400 }, interruption: nil)
        #expect(result.replies == 200 && result.errors == ["OOM": 100, "ERR": 100] && result.errorRate == 0.5)
    }

    @Test("A mix has its shares, a verified value that is wrong is seen")
    func mixAndVerify() throws {
        let gets = Atomic<Int>(0)
        let server = try ScriptedServer { words in
            if words[0] == "SET" { return "+OK\r\n" }
            // Neither a value of this key nor one of the right size.
            return gets.add(1, ordering: .relaxed).newValue % 10 == 0 ? "$3\r\nbad\r\n" : "$-1\r\n"
        }
        defer { server.stop() }
        var plan = try plan(server.port, "get") {
            $0.requests = 4000
            $0.shape.keyCount = 100
            $0.shape.verifies = true
            $0.pipeline = 10
        }
        plan.commands.append(RequestPlan(try #require(CatalogTest.named("set").first).template, plan.shape))
        plan.weights = [3, 1]
        let result = try LoadRun.run(plan, interruption: nil)
        let (get, set) = (result.counts(ofCommand: 0), result.counts(ofCommand: 1))
        #expect(get.replies + set.replies == 4000)
        // Six deviations.
        #expect(2836...3164 ~= get.replies, "\(get.replies)")
        #expect(get.mismatches == get.replies / 10 && set.mismatches == 0)
        #expect(get.nulls == get.replies - get.mismatches)
    }

    @Test("Warm-up is not measured, a duration ends a run, intervals add up")
    func duration() throws {
        let server = try ScriptedServer { _ in "+PONG\r\n" }
        defer { server.stop() }
        let result = try LoadRun.run(
            try plan(server.port) {
                $0.clients = 4
                $0.warmupSeconds = 0.2
                $0.durationSeconds = 0.5
                $0.intervalSeconds = 0.1
                $0.mode = .open(RatePlan(perSecond: 500), .fixed)
            }, interruption: nil)
        // Never shorter than asked for; how much longer is a matter of who else wants the machine.
        #expect(result.replies == 250 && result.seconds > 0.49)
        #expect(result.intervals.reduce(0) { $0 + $1.replies } == 250 && result.intervals.count >= 5)
    }

    @Test("A server that goes away is a failure, one that hangs up is errors")
    func losses() throws {
        let failure = #expect(throws: BenchFailure.self) {
            try LoadRun.run(try plan(try ServerProcess.freePort()) { $0.requests = 1 }, interruption: nil)
        }
        #expect(failure?.exitStatus == 3)
        let refused = try ScriptedServer { _ in "-WRONGPASS invalid username-password pair\r\n" }
        defer { refused.stop() }
        let wrong = #expect(throws: BenchFailure.self) {
            try LoadRun.run(
                try plan(refused.port) {
                    $0.requests = 1
                    $0.targets[0].endpoint.password = "x"
                }, interruption: nil)
        }
        #expect(wrong?.exitStatus == 4)
    }

    @Test("A ramp is told step by step, and an interval ends with its step")
    func ramp() throws {
        let server = try ScriptedServer { _ in "+PONG\r\n" }
        defer { server.stop() }
        let options = try BenchOptions(
            .run, [("ramp", "500..1500/500@300ms"), ("port", "\(server.port)"), ("interval", "200ms")],
            operands: ["PING"])
        var plan = options.basePlan
        plan.name = "PING"
        plan.commands = [RequestPlan(try CommandTemplate(words: ["PING"]), plan.shape)]
        plan.weights = [1]
        #expect(plan.intervalSeconds == 0.15)
        let result = try LoadRun.run(plan, interruption: nil)
        #expect(result.steps.count == 3 && result.steps.reduce(0) { $0 + $1.replies } == 900)
        // What comes late is told where it came.
        #expect(result.steps[0].replies <= 150 && result.steps[2].replies >= 450)
        #expect(result.steps.allSatisfy { $0.response.totalCount == $0.replies })
        #expect(result.seconds(ofStep: 1) == 0.3)
        let text = RunText(result: result, options: options, servers: []).full
        let rows = text.split(separator: "\n").map { $0.split(separator: " ") }
        for (step, wanted) in ["500", "1000", "1500"].enumerated() {
            let row = rows.first { $0.first == Substring(wanted) && $0.count == 7 }
            #expect(row?.last == Substring("\(result.steps[step].errors)"), "\(text)")
        }
        let document = RunJSON.run(result, percentiles: [99], serverCPU: nil).document
        #expect(document.contains("\"steps\"") && document.contains("\"wanted_rps\""))
    }

    @Test("A client that has been busy nearly all the time is warned of", arguments: [(949, false), (950, true)])
    func busyClient(_ share: Int64, _ isTold: Bool) throws {
        var plan = LoadPlan()
        plan.name = "PING"
        let report = WorkerReport(cpuMicroseconds: share, wallMicroseconds: 1000)
        let result = LoadResult(
            plan: plan, totals: [], intervals: [], errors: [:], workers: [WorkerReport(), report], seconds: 1,
            startUnixMilliseconds: 0, endNanoseconds: 0, signal: 0)
        let text = RunText(result: result, options: try BenchOptions(.run, [], operands: []), servers: [])
        #expect(text.notes.contains { $0.hasPrefix("WARNING: a thread of this client was busy") } == isTold)
        #expect(
            RunJSON.run(result, percentiles: [99], serverCPU: nil).document.contains("\"is_bottleneck\": \(isTold)"))
    }
}
