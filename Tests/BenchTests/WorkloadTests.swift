/// Which requests are sent: keys, mixes, templates, and when.
import Base
import Foundation
import Options
import Testing

@testable import Bench

@Suite struct WorkloadTests {
    private func drawn(_ distribution: KeyDistribution, keys: Int, draws: Int, seed: UInt64) -> [Int] {
        var chooser = KeyChooser(distribution, count: keys, worker: 0, workers: 1)
        var random = SeededRandom(seed: seed)
        var counts = [Int](repeating: 0, count: keys)
        for _ in 0..<draws { counts[chooser.next(&random, isWrite: false)] += 1 }
        return counts
    }

    @Test("Zipf's law holds, rank by rank", arguments: [0.5, 0.99, 1.0, 1.5])
    func zipf(exponent: Double) {
        let seed = UInt64.random(in: 1...UInt64.max)
        let (keys, draws) = (1000, 200_000)
        let counts = drawn(.zipf(exponent: exponent), keys: keys, draws: draws, seed: seed)
        let weights = (1...keys).map { pow(Double($0), -exponent) }
        let total = weights.reduce(0, +)
        for rank in [0, 1, 2, 5, 10, 50, 999] {
            let expected = Double(draws) * weights[rank] / total
            // Six deviations of a binomial count.
            let tolerance = 6 * (expected + 1).squareRoot()
            #expect(
                abs(Double(counts[rank]) - expected) <= tolerance,
                "rank \(rank): \(counts[rank]), expected \(expected) (seed \(seed))")
        }
        let tail = Double(counts[500...].reduce(0, +))
        let expected = Double(draws) * weights[500...].reduce(0, +) / total
        #expect(abs(tail - expected) <= 6 * expected.squareRoot(), "tail \(tail), expected \(expected) (seed \(seed))")
    }

    @Test("Uniform, hotspot, sequence and latest choose as they say")
    func distributions() {
        let seed = UInt64.random(in: 1...UInt64.max)
        let uniform = drawn(.uniform, keys: 100, draws: 100_000, seed: seed)
        #expect(uniform.allSatisfy { abs($0 - 1000) < 200 }, "\(uniform) (seed \(seed))")
        let hot = drawn(.hotspot(keys: 0.1, requests: 0.9), keys: 100, draws: 100_000, seed: seed)
        let share = hot[..<10].reduce(0, +)
        #expect(abs(share - 90_000) < 600, "\(share) (seed \(seed))")
        // Two workers take every key once.
        var seen: [Int] = []
        var random = SeededRandom(seed: seed)
        for worker in 0..<2 {
            var chooser = KeyChooser(.sequential, count: 10, worker: worker, workers: 2)
            for _ in 0..<5 { seen.append(chooser.next(&random, isWrite: true)) }
        }
        #expect(seen.sorted() == Array(0..<10))
        var latest = KeyChooser(.latest, count: 1000, worker: 0, workers: 1)
        for _ in 0..<500 { _ = latest.next(&random, isWrite: true) }
        let reads = (0..<1000).map { _ in latest.next(&random, isWrite: false) }
        #expect(reads.count { 400..<500 ~= $0 } > 600, "seed \(seed)")
        #expect(reads.allSatisfy { 0..<1000 ~= $0 })
    }

    private func rendered(_ template: CommandTemplate, _ shape: RequestShape, count: Int = 1) -> String {
        let plan = RequestPlan(template, shape)
        var renderer = RequestRenderer(
            [plan], pool: ValuePool(valueBytesMax: shape.valueSizes.upperBound),
            keys: KeyChooser(.sequential, count: shape.keyCount, worker: 0, workers: 1), seed: 1)
        var buffer = ByteBuffer()
        for _ in 0..<count { renderer.render(0, into: &buffer) }
        #expect(buffer.count <= plan.bytesMax * count)
        return String(decoding: buffer.array, as: UTF8.self)
    }

    @Test("Requests are spelled as RESP has them, with or without a choice of keys")
    func rendering() throws {
        var shape = RequestShape()
        let set = try #require(CatalogTest.named("set").first).template
        #expect(rendered(set, shape) == "*3\r\n$3\r\nSET\r\n$16\r\nkey:__rand_int__\r\n$3\r\nxxx\r\n")
        shape.keyCount = 100
        let two =
            "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n$3\r\nxxx\r\n"
            + "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$3\r\nxxx\r\n"
        #expect(rendered(set, shape, count: 2) == two)
        let ping = try #require(CatalogTest.named("ping_inline").first).template
        #expect(rendered(ping, shape) == "PING\r\n")
        let custom = try CommandTemplate(words: ["LPUSH", "l:{key}:x", "{rand 7 7}", "a__rand_int__b", "{user1}", ""])
        shape.keyPrefix = "p"
        let spelled =
            "*6\r\n$5\r\nLPUSH\r\n$17\r\nl:p000000000000:x\r\n$1\r\n7\r\n$14\r\na000000000001b\r\n"
            + "$7\r\n{user1}\r\n$0\r\n\r\n"
        #expect(rendered(custom, shape) == spelled)
        #expect(throws: CommandTemplate.Malformed.self) { try CommandTemplate(words: ["GET", "{rand x}"]) }
    }

    @Test("Values of varying size stay within their range and follow from their keys")
    func values() throws {
        var shape = RequestShape()
        shape.keyCount = 10
        shape.valueSizes = 5...40
        shape.verifies = true
        let text = rendered(try #require(CatalogTest.named("set").first).template, shape, count: 200)
        let pool = ValuePool(valueBytesMax: 40).bytes
        let requests = text.components(separatedBy: "*3\r\n$3\r\nSET\r\n$16\r\n").dropFirst()
        var sizes: Set<Int> = []
        for request in requests {
            let lines = request.components(separatedBy: "\r\n")
            let key = try #require(Int(lines[0].dropFirst(4)))
            let size = try #require(Int(lines[1].dropFirst()))
            sizes.insert(size)
            let start = ValuePool.start(ofKey: key)
            #expect(lines[2] == String(decoding: pool[start..<start + size], as: UTF8.self))
        }
        #expect(requests.count == 200 && sizes.count > 20 && sizes.allSatisfy { 5...40 ~= $0 })
    }

    @Test("Fixed arrivals of all shares are evenly spaced, Poisson's are exponential, ramps grow")
    func arrivals() {
        var times: [Double] = []
        for share in 0..<4 {
            var schedule = ArrivalSchedule(RatePlan(perSecond: 1000), .fixed, share: share, of: 4, seed: 1)
            for _ in 0..<25 {
                times.append(schedule.next)
                schedule.advance()
            }
        }
        for (index, time) in times.sorted().enumerated() { #expect(abs(time - Double(index) * 1e6) < 1) }
        let seed = UInt64.random(in: 1...UInt64.max)
        var poisson = ArrivalSchedule(RatePlan(perSecond: 1000), .poisson, share: 0, of: 1, seed: seed)
        var (gaps, last) = ([Double](), 0.0)
        for _ in 0..<20000 {
            gaps.append(poisson.next - last)
            last = poisson.next
            poisson.advance()
        }
        let mean = gaps.reduce(0, +) / 20000
        let deviation = (gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20000).squareRoot()
        #expect(abs(mean / 1e6 - 1) < 0.05, "\(mean) (seed \(seed))")
        #expect(abs(deviation / mean - 1) < 0.06, "\(deviation) (seed \(seed))")
        var ramp = ArrivalSchedule(
            RatePlan(ramp: "100..300/100@1s") ?? RatePlan(perSecond: 1), .fixed, share: 0, of: 1, seed: 1)
        var perSecond = [0, 0, 0, 0]
        while ramp.next < 1e18 {
            perSecond[min(Int(ramp.next / 1e9), 3)] += 1
            ramp.advance()
        }
        #expect(perSecond == [100, 200, 300, 0])
    }

    @Test("Twelve digits are the number's own")
    func digits() {
        let place = UnsafeMutablePointer<UInt8>.allocate(capacity: 12)
        defer { place.deallocate() }
        let seed = UInt64.random(in: 1...UInt64.max)
        var random = SeededRandom(seed: seed)
        let drawn = (0..<1000).map { _ in random.below(1_000_000_000_000) }
        for number in [0, 9, 10, 999_999, 1_000_000, 123_456_789_012, 999_999_999_999] + drawn {
            writeTwelveDigits(number, to: place)
            let text = String(decoding: UnsafeBufferPointer(start: place, count: 12), as: UTF8.self)
            #expect("k" + text == keyName("k", number), "seed \(seed)")
        }
    }

    @Test("Quantities with units, and none that are not")
    func quantities() {
        #expect(Quantity.seconds("10") == 10 && Quantity.seconds("250ms") == 0.25 && Quantity.seconds("2m") == 120)
        #expect(Quantity.seconds("-1") == nil && Quantity.seconds("s") == nil && Quantity.seconds("inf") == nil)
        #expect(Quantity.number("10k") == 10000 && Quantity.number("1.5m") == 1.5e6 && Quantity.number("nan") == nil)
        #expect(Quantity.bytes("1kb") == 1024 && Quantity.bytes("64") == 64 && Quantity.bytes("1gb") == nil)
    }

    @Test("The manual names every test there is")
    func names() {
        #expect(Subcommand.benchTestNames == CatalogTest.all.map(\.name).joined(separator: ", "))
    }
}
