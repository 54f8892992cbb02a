/// Histograms for other tools: the percentile table of HdrHistogram (.hgrm) and its interval log (.hlog, with
/// encoding V2: zigzag LEB128 counts, zlib, base64).
///
/// The zlib stream has stored blocks only: it is a container here, and the counts are few.
import Base

extension Histogram {
    // MARK: .hgrm

    /// The table plotters of HdrHistogram read. Values are divided by `unit` on the way (1000: milliseconds).
    public func percentileTable(ticksPerHalfDistance: Int = 5, unit: Double = 1000) -> String {
        var text = aligned("Value", 12) + aligned("Percentile", 15) + aligned("TotalCount", 11)
        text += aligned("1/(1-Percentile)", 17) + "\n\n"
        for step in percentileSteps(ticksPerHalfDistance: ticksPerHalfDistance) {
            text += aligned(String(fixed: Double(step.value) / unit, decimals: 3), 12)
            text += " " + String(fixed: step.percentile / 100, decimals: 12)
            text += aligned("\(step.count)", 11)
            if step.percentile < 100 {
                text += aligned(String(fixed: 1 / (1 - step.percentile / 100), decimals: 2), 15)
            }
            text += "\n"
        }
        text += "#[Mean    = \(aligned(String(fixed: bucketMean / unit, decimals: 3), 12)), StdDeviation   = "
        text += "\(aligned(String(fixed: bucketDeviation / unit, decimals: 3), 12))]\n"
        let highest = isEmpty ? 0 : highestEquivalent(maximum)
        text += "#[Max     = \(aligned(String(fixed: Double(highest) / unit, decimals: 3), 12)), Total count    = "
        text += "\(aligned("\(totalCount)", 12))]\n"
        text += "#[Buckets = \(aligned("\(bucketCount)", 12)), SubBuckets     = "
        return text + "\(aligned("\(subBucketHalfCount * 2)", 12))]\n"
    }

    struct PercentileStep: Equatable {
        let value: Int64
        let percentile: Double
        let count: Int64
    }

    /// The steps HdrHistogram walks in: each time the distance to 100% halves, `ticksPerHalfDistance` more.
    func percentileSteps(ticksPerHalfDistance: Int) -> [PercentileStep] {
        var steps: [PercentileStep] = []
        var (level, seen) = (0.0, Int64(0))
        let entries = recorded
        for (number, entry) in entries.enumerated() {
            seen += entry.count
            let percentile = 100 * Double(seen) / Double(totalCount)
            let isLast = number == entries.count - 1
            while percentile >= level {
                let value = highestEquivalent(entry.value)
                steps.append(PercentileStep(value: value, percentile: level, count: seen))
                level += 100 / (Double(ticksPerHalfDistance) * Self.ticksFactor(at: level))
                if isLast { break }
            }
            if isLast {
                steps.append(PercentileStep(value: highestEquivalent(entry.value), percentile: 100, count: seen))
            }
        }
        return steps
    }

    /// Two to the number of halvings that `percentile` is past, and one more.
    private static func ticksFactor(at percentile: Double) -> Double {
        var (factor, rest) = (2.0, 100 - percentile)
        while rest > 0, rest <= 50 {
            factor *= 2
            rest *= 2
        }
        return factor
    }

    private func aligned(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 0)) + text
    }

    // MARK: Encoding V2

    private static let cookie: UInt32 = 0x1c84_9313
    private static let compressedCookie: UInt32 = 0x1c84_9314

    /// The uncompressed form.
    func encoded() -> [UInt8] {
        var payload = ByteBuffer(capacity: 4096)
        var zeros: Int64 = 0
        for count in usedCounts {
            if count == 0 {
                zeros += 1
                continue
            }
            if zeros > 0 { payload.append(zigzag: -zeros) }
            zeros = 0
            payload.append(zigzag: count)
        }
        var bytes = ByteBuffer(capacity: 40 + payload.count)
        bytes.append(bigEndian: Self.cookie)
        bytes.append(bigEndian: UInt32(payload.count))
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: UInt32(significantDigits))
        bytes.append(bigEndian: UInt64(1))
        bytes.append(bigEndian: UInt64(max(Self.highestTrackableMicroseconds, maximum)))
        bytes.append(bigEndian: (1.0).bitPattern)
        bytes.append(payload.view)
        return bytes.array
    }

    /// What stands in a line of a .hlog.
    public func encodedForLog() -> String {
        let stream = Zlib.stored(encoded())
        var bytes = ByteBuffer(capacity: stream.count + 8)
        bytes.append(bigEndian: Self.compressedCookie)
        bytes.append(bigEndian: UInt32(stream.count))
        bytes.append(stream)
        return Base64.encode(bytes.array)
    }
}

extension ByteBuffer {
    mutating func append<Word: FixedWidthInteger>(bigEndian value: Word) {
        append(littleEndian: value.byteSwapped)
    }

    /// LEB128 of at most nine bytes, the ninth of eight bits.
    fileprivate mutating func append(zigzag value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        for _ in 0..<8 {
            if rest < 0x80 { return append(UInt8(rest)) }
            append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}

enum Zlib {
    /// A zlib stream (RFC 1950) that stores its bytes as they are.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        var at = 0
        repeat {
            let count = min(bytes.count - at, 0xFFFF)
            let isLast = at + count == bytes.count
            stream.append(isLast ? 1 : 0)
            for word in [count, ~count] {
                stream += [UInt8(truncatingIfNeeded: word), UInt8(truncatingIfNeeded: word >> 8)]
            }
            stream += bytes[at..<at + count]
            at += count
        } while at < bytes.count
        let sum = adler32(bytes)
        for shift in [24, 16, 8, 0] as [UInt32] { stream.append(UInt8(truncatingIfNeeded: sum >> shift)) }
        return stream
    }

    static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var (low, high) = (UInt32(1), UInt32(0))
        for byte in bytes {
            low = (low + UInt32(byte)) % 65521
            high = (high + low) % 65521
        }
        return high << 16 | low
    }
}

enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for at in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[at..<min(at + 3, bytes.count)]
            let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let isPadding = position > group.count
                text.append(isPadding ? UInt8(ascii: "=") : alphabet[Int(word >> UInt32(18 - 6 * position) & 63)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// An interval log: one line per interval and tag.
public struct HistogramLog {
    public private(set) var text: String

    /// `start` is Unix time.
    public init(startMilliseconds: Int64) {
        let start = String(fixed: Double(startMilliseconds) / 1000, decimals: 3)
        text = """
            #[Logged by a2 bench; values in microseconds, Interval_Max in milliseconds]
            #[Histogram log format version 1.3]
            #[StartTime: \(start) (seconds since epoch)]
            #[BaseTime: \(start) (seconds since epoch)]
            "StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"

            """
    }

    /// Commas and line ends divide fields, so a tag has none.
    public mutating func add(tag: String, startSeconds: Double, lengthSeconds: Double, _ histogram: Histogram) {
        let tag = String(tag.map { $0 == "," || $0.isWhitespace ? "_" : $0 })
        let maximum = String(fixed: Double(histogram.maximum) / 1000, decimals: 3)
        text += "Tag=\(tag),\(String(fixed: startSeconds, decimals: 3)),\(String(fixed: lengthSeconds, decimals: 3)),"
        text += "\(maximum),\(histogram.encodedForLog())\n"
    }
}
