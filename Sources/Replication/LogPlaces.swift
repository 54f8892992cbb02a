/// Where positions of the window stand in the log: what lets a peer that has fallen out of the window be served from
/// the log's segments.
///
/// A place is the beginning of a batch of the log. Not every batch is one: places lie some hundred kilobytes apart, and
/// whoever begins at the place before his position gets a little twice, which costs nothing but the sending. The end of
/// what is written is always known exactly, because there the window takes over again.

public struct LogPlace: Equatable, Sendable {
    /// A position of the window …
    public var window: UInt64
    /// … and where in the log the entries from there on begin.
    public var log: UInt64

    public init(window: UInt64, log: UInt64) {
        self.window = window
        self.log = log
    }
}

public struct LogPlaces: Sendable {
    /// Ascending in both.
    private var places: [LogPlace] = []
    /// Where writing has come to.
    public private(set) var newest: LogPlace?
    private var spacingBytes: UInt64
    private let countMax: Int

    public static let spacingBytesDefault: UInt64 = 256 * 1024

    public init(spacingBytes: UInt64 = LogPlaces.spacingBytesDefault, countMax: Int = 1 << 14) {
        self.spacingBytes = spacingBytes
        self.countMax = max(countMax, 2)
    }

    public var count: Int { places.count }
    public var oldest: LogPlace? { places.first }

    /// A few of them, for a next life of this node: the oldest, the newest, and what lies evenly between.
    public var sample: [LogPlace] {
        var sample: [LogPlace] = []
        let step = max((places.count + Self.sampleMax - 1) / Self.sampleMax, 1)
        for index in stride(from: 0, to: places.count, by: step) { sample.append(places[index]) }
        if let newest, sample.last != newest { sample.append(newest) }
        return sample
    }

    private static var sampleMax: Int { 64 }

    /// What a former life left: as far as the log has it still, and in the order that it must have.
    public static func fitting(_ places: [LogPlace], window start: UInt64, log range: ClosedRange<UInt64>) -> [LogPlace]
    {
        var fitting: [LogPlace] = []
        for place in places where place.window < start && range.contains(place.log) {
            if let last = fitting.last, place.window < last.window || place.log < last.log { return [] }
            fitting.append(place)
        }
        return fitting
    }

    /// Everything before `place.window` stands before `place.log`.
    public mutating func note(_ place: LogPlace) {
        if let newest {
            precondition(
                place.window >= newest.window && place.log >= newest.log, "a place \(place) behind \(newest)")
        }
        newest = place
        if let last = places.last, place.log - last.log < spacingBytes { return }
        places.append(place)
        if places.count > countMax { thin() }
    }

    /// A log as long as that may be served with longer ways.
    private mutating func thin() {
        places = places.indices.filter { $0.isMultiple(of: 2) }.map { places[$0] }
        spacingBytes *= 2
    }

    /// The log before this position is gone.
    public mutating func forget(before log: UInt64) {
        let count = places.prefix { $0.log < log }.count
        places.removeFirst(count)
    }

    /// From here on the log has everything that the window had from `position` on; nil where it does not reach back.
    public func place(before position: UInt64) -> LogPlace? {
        if let newest, newest.window <= position { return newest }
        return last { $0.window <= position }
    }

    /// Up to which position of the window everything stands before `log`.
    public func place(atLog log: UInt64) -> LogPlace? {
        if let newest, newest.log <= log { return newest }
        return last { $0.log <= log }
    }

    private func last(where isBefore: (LogPlace) -> Bool) -> LogPlace? {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(places[middle]) { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : places[low - 1]
    }
}
