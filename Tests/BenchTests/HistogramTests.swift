/// The histogram against exact percentiles, and against HdrHistogram's own bytes.
import Base
import Foundation
import TestSupport
import Testing

@testable import Bench

@Suite struct HistogramTests {
    private func histogram(_ values: [Int64]) -> Histogram {
        var histogram = Histogram()
        for value in values { histogram.record(value) }
        return histogram
    }

    private static let few: [Int64] = [1, 2, 3, 7, 7, 7, 100, 1000, 2047, 2048, 5000, 123_456, 59_999_999]
    private static let percentiles = [0, 1, 50, 90, 99, 99.9, 99.99, 100]

    /// As the generator of the recorded bytes had them.
    private func recordedValues(_ count: Int) -> [Int64] {
        var state: UInt64 = 7
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        return (0..<count).map { _ in
            let value = next()
            let bound = (0..<(1 + next() % 7)).reduce(UInt64(1)) { product, _ in product * 10 }
            return Int64(value % bound)
        }
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("Encodes as hdrhistogram 0.10 does")
    func recordedBytes() {
        let few =
            "1c8493130000001a0000000000000003000000000000000100000000039387003ff0000000000000"
            + "010202020506b70102850e02ab100202c11302cb4a02b98e0102"
        #expect(hex(histogram(Self.few).encoded()) == few)
        let many =
            "1c849313000000860000000000000003000000000000000100000000039387003ff0000000000000"
            + "0201020106060401061702210211020502330207020d027302670241029901024d025d02d30202dd0202ed02024502cd0f02"
            + "ab0b02f10b02b30802af0202890102e70502d50702e70502e70402d10102cd0502f10702970502a50102bb1702ff0f02df06"
            + "02f705022b02ed0102d70102c12102a70b02db0302ab01020302df040247029b0102"
        #expect(hex(histogram(recordedValues(60)).encoded()) == many)
    }

    @Test("Percentiles, mean and deviation are those of hdrhistogram 0.10")
    func recordedPercentiles() {
        let few = histogram(Self.few)
        // It shows a bucket's upper end, this one never more than the largest value.
        let shown = Self.percentiles.map { few.highestEquivalent(few.value(atPercentile: $0)) }
        #expect(shown == [1, 1, 100, 123_519, 60_030_975, 60_030_975, 60_030_975, 60_030_975])
        #expect(few.maximum == 59_999_999)
        #expect(abs(few.bucketMean - 4_626_792.692307692) < 0.001)
        #expect(abs(few.bucketDeviation - 15_989_113.600780636) < 0.001)
        #expect(few.bucketCount == 16)
        let many = histogram(recordedValues(10000))
        #expect(
            Self.percentiles.map { many.highestEquivalent(many.value(atPercentile: $0)) }
                == [0, 0, 4591, 2_717_695, 9_166_847, 9_887_743, 9_994_239, 10_002_431])
        #expect(abs(many.bucketMean - 765955.9152) < 0.001)
    }

    @Test("Any percentile is within a thousandth of the exact one; merged halves are the whole")
    func random() {
        let seed = UInt64.random(in: 1...UInt64.max)
        var random = SeededRandom(seed: seed)
        for round in 0..<20 {
            let scale = 10 << (round * 2)
            let values = (0..<2000).map { _ in Int64(random.below(scale) + 1) }
            let sorted = values.sorted()
            let whole = histogram(values)
            for percentile in [1, 10, 50, 90, 95, 99, 99.9, 100] as [Double] {
                let exact = sorted[max(Int(percentile / 100 * 2000 + 0.5), 1) - 1]
                let found = whole.value(atPercentile: percentile)
                #expect(
                    found >= exact && Double(found - exact) <= Double(exact) / 1000 + 0.001,
                    "p\(percentile) is \(found), not \(exact) (seed \(seed), round \(round))")
            }
            var merged = histogram(Array(values[..<700]))
            merged.add(histogram(Array(values[700...])))
            #expect(merged.encoded() == whole.encoded() && merged.sum == whole.sum, "seed \(seed), round \(round)")
            #expect(whole.count(upTo: whole.maximum) == 2000 && whole.count(upTo: 0) == 0)
            merged.reset()
            #expect(merged.isEmpty && merged.value(atPercentile: 99) == 0 && merged.encoded().count == 40)
        }
    }

    @Test("A value of hours grows the histogram instead of being cut")
    func growth() {
        var histogram = histogram([5])
        histogram.record(7_200_000_000)
        histogram.record(-3)
        #expect(histogram.maximum == 7_200_000_000 && histogram.minimum == 0)
        #expect(abs(histogram.value(atPercentile: 100) - 7_200_000_000) <= 7_200_000)
    }

    @Test("Base64 and zlib as others write them")
    func containers() {
        #expect(
            ["", "f", "fo", "foo", "foob"].map { Base64.encode(Array($0.utf8)) } == [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==",
            ])
        #expect(Zlib.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
        #expect(Zlib.stored([1, 2]) == [0x78, 1, 1, 2, 0, 0xFD, 0xFF, 1, 2, 0, 6, 0, 4])
        #expect(Zlib.stored([UInt8](repeating: 0, count: 70000)).count == 2 + 5 + 65535 + 5 + 4465 + 4)
    }

    @Test("The percentile table ends at 100% with all values")
    func table() {
        let text = histogram(recordedValues(10000)).percentileTable()
        let lines = text.split(separator: "\n")
        #expect(lines[0].split(separator: " ") == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
        let last = lines.last { !$0.hasPrefix("#") }
        #expect(last?.split(separator: " ") == ["10002.431", "1.000000000000", "10000"])
        #expect(text.contains("#[Mean    =      765.956, StdDeviation   =     1991.343]"))
        #expect(text.contains("#[Buckets =           16, SubBuckets     =         2048]"))
    }

    /// A python3 with the package hdrhistogram: A2_HDR_PYTHON, or the first of PATH if it has it.
    static let python: String? = {
        let candidates = [TestEnvironment.variable("A2_HDR_PYTHON"), try? TestEnvironment.program("python3")]
        return candidates.compactMap { $0 }.first { program in
            let check = try? ChildProcess.run(program, ["-c", "import hdrh.histogram"])
            return check?.exit == .exited(0)
        }
    }()

    @Test("hdrhistogram reads the interval log", .enabled(if: Self.python != nil))
    func interval() throws {
        let python = try #require(Self.python)
        let values = recordedValues(10000)
        var log = HistogramLog(startMilliseconds: 1_700_000_000_123)
        log.add(tag: "SET", startSeconds: 0, lengthSeconds: 1, histogram(Array(values[..<4000])))
        log.add(tag: "SET", startSeconds: 1, lengthSeconds: 1, histogram(Array(values[4000...])))
        let directory = try TemporaryDirectory()
        let path = try directory.write(log.text, to: "run.hlog")
        let script = """
            import sys
            from hdrh.histogram import HdrHistogram
            from hdrh.log import HistogramLogReader
            total = HdrHistogram(1, 60000000, 3)
            reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 60000000, 3))
            while True:
                one = reader.get_next_interval_histogram()
                if one is None: break
                assert one.get_tag() == "SET", one.get_tag()
                total.add(one)
            print(total.get_total_count(), [total.get_value_at_percentile(p) for p in (50, 99, 100)])
            """
        let outcome = try ChildProcess.run(python, ["-c", script, path])
        #expect(outcome.output == "10000 [4591, 9166847, 10002431]\n")
    }
}
