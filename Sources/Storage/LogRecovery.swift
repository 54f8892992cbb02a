/// Opens the log after a stop of any kind and decides what what cannot be read means.
///
/// Of all that was written, a crash may lose whatever was not synced, in any part and any order; nothing else. So an
/// unreadable place is a *torn tail* when it lies in the last segment at or beyond every position that anything on
/// disk knows to be durable: the headers of batches (also of those that stand behind the place), the headers of
/// segments, the identity, the manifest. It is dropped. Anywhere below, it is *corruption*: what was there has been
/// promised to somebody, and is refused rather than forgotten.
import Base

public enum LogRecovery {
    /// Opens the segments that hold what follows `position`, checks them and puts them together. `durable` is what the
    /// identity and the manifest know to be on disk. With `repairing`, damage drops the log from there on; the files
    /// it was in are kept under names ending in `.damaged`.
    public static func open<D: Disk>(
        _ directory: borrowing DataDirectory<D>, from position: UInt64, durable: UInt64, owner: LogOwner?,
        repairing: Bool = false, faults: StorageFaults = []
    ) throws(StorageError) -> RecoveredLog {
        let files = try LogFiles(directory, from: position)
        let scans = files.segments.map { $0.scan(faults: faults) }
        return try files.assemble(scans, in: directory, durable: durable, owner: owner, repairing: repairing, faults)
    }
}

/// The segments of a log, their headers checked, in ascending order: what `scan` is to be called on, on as many
/// threads as there are, before `assemble`.
public struct LogFiles: Sendable {
    fileprivate enum Piece: Sendable {
        case segment(LogSegment)
        case unreadable(number: UInt64, StorageError)
    }

    public let from: UInt64
    public let segments: [LogSegment]
    fileprivate let pieces: [Piece]
    /// Where older segments begin, which are not needed from `from` on: an older snapshot may need them, or a crash has
    /// undone their removal. One that cannot be read counts as beginning at 0.
    let older: [OlderSegment]

    public init<D: Disk>(_ directory: borrowing DataDirectory<D>, from position: UInt64) throws(StorageError) {
        from = position
        let numbers = try Self.numbers(in: directory)
        // From the newest down to the one that `position` falls into; what is older is not looked at.
        var pieces: [Piece] = []
        var index = numbers.count
        var isReached = false
        while index > 0, !isReached {
            index -= 1
            do throws(StorageError) {
                let segment = try LogSegment.open(numbers[index], in: directory.logPath, on: directory.disk)
                pieces.append(.segment(segment))
                isReached = segment.header.position <= position
            } catch {
                // A read that the system refuses says nothing about what is there, nor does another version.
                guard error.isCorruption else { throw error }
                pieces.append(.unreadable(number: numbers[index], error))
            }
        }
        pieces.reverse()
        self.pieces = pieces
        var older: [OlderSegment] = []
        for number in numbers[..<index] {
            let segment = try? LogSegment.open(number, in: directory.logPath, on: directory.disk)
            older.append(OlderSegment(number: number, position: segment?.header.position ?? 0))
        }
        self.older = older
        segments = pieces.compactMap { if case .segment(let segment) = $0 { segment } else { nil } }
    }

    /// Whether there is a segment that begins at or before `from`, or `from` is where an empty log begins.
    public var reachesBack: Bool {
        guard let first = pieces.first else { return from == 0 }
        if case .segment(let segment) = first { return segment.header.position <= from }
        return false
    }

    /// The numbers of all segments there are, ascending.
    public static func numbers<D: Disk>(in directory: borrowing DataDirectory<D>) throws(StorageError) -> [UInt64] {
        try directory.disk.list(directory.logPath)
            .compactMap { FileNames.number(of: $0, suffix: FileNames.segmentSuffix) }.sorted()
    }

    /// Puts the segments together; `scans` are theirs, in the same order.
    public func assemble<D: Disk>(
        _ scans: [LogSegmentScan], in directory: borrowing DataDirectory<D>, durable: UInt64, owner: LogOwner?,
        repairing: Bool = false, _ faults: StorageFaults = []
    ) throws(StorageError) -> RecoveredLog {
        precondition(scans.count == segments.count, "\(scans.count) scans of \(segments.count) segments")
        var joining = LogJoining(files: self, scans: scans, durable: durable, owner: owner, faults: faults)
        let problem = joining.join(directory.logPath)
        var repair: LogRepair?
        if let problem {
            guard repairing, problem.isCorruption else { throw problem }
            repair = try joining.drop(because: problem, pieces.map(\.number), in: directory)
        }
        return RecoveredLog(
            from: from, end: joining.end, next: repair == nil ? joining.end : joining.nextPosition,
            durable: min(joining.durable, joining.end), segments: joining.kept, tornBytes: joining.tornBytes,
            repair: repair, older: older, faults: faults)
    }
}

struct OlderSegment: Sendable {
    let number: UInt64
    let position: UInt64
}

extension LogFiles.Piece {
    var number: UInt64 {
        switch self {
        case .segment(let segment): segment.number
        case .unreadable(let number, _): number
        }
    }
}

/// The state of putting a log together.
private struct LogJoining {
    let files: LogFiles
    let scans: [LogSegmentScan]
    let owner: LogOwner?
    let faults: StorageFaults
    var kept: [RecoveredSegment] = []
    var end: UInt64 = 0
    var tornBytes = 0
    /// The highest position that anything knows to be on disk.
    var durable: UInt64

    init(files: LogFiles, scans: [LogSegmentScan], durable: UInt64, owner: LogOwner?, faults: StorageFaults) {
        self.files = files
        self.scans = scans
        self.owner = owner
        self.faults = faults
        end = files.from
        self.durable = max(durable, files.from)
        for scan in scans { self.durable = max(self.durable, scan.durableSeen) }
        for segment in files.segments.dropFirst() { self.durable = max(self.durable, segment.header.previousEnd) }
        if faults.contains(.durableIgnored) { self.durable = files.from }
    }

    /// Where writing goes on after a repair: no position is used twice.
    var nextPosition: UInt64 {
        var next = max(durable, end)
        for (segment, scan) in zip(files.segments, scans) {
            next = max(next, segment.header.position, scan.end, scan.endSeen)
        }
        return next
    }

    /// Takes segments while they fit; returns why the rest does not.
    mutating func join(_ directory: String) -> StorageError? {
        var index = 0
        for piece in files.pieces {
            switch piece {
            case .unreadable(_, let error): return error
            case .segment(let segment):
                if let error = misfit(segment) { return error }
                let scan = scans[index]
                index += 1
                kept.append(RecoveredSegment(segment: segment, end: scan.end, endOffset: scan.endOffset))
                end = scan.end
                // The next segment's header knows where this one ended; behind the last one, whatever knows most.
                let next = index < files.segments.count ? files.segments[index] : nil
                let bound = next?.header.previousEnd ?? durable
                if scan.end < bound { return shortfall(segment, scan, bound) }
                if next == nil, scan.problem != nil { tornBytes = scan.strayBytes }
            }
        }
        if kept.isEmpty, durable > 0 {
            return StorageError(
                .missing, directory, "no segment of the log is there, but it is needed from position \(files.from) on",
                advice: Advice.log)
        }
        return nil
    }

    private func misfit(_ segment: LogSegment) -> StorageError? {
        let header = segment.header
        if let owner, owner.node != header.owner.node || owner.incarnation != header.owner.incarnation {
            return StorageError(
                .foreign, segment.path,
                "written by node \(header.owner.node), incarnation \(String(header.owner.incarnation, radix: 16)); this "
                    + "is node \(owner.node), incarnation \(String(owner.incarnation, radix: 16))",
                advice: Advice.wholeDirectory)
        }
        guard let last = kept.last else {
            if header.position <= files.from { return nil }
            return StorageError(
                .missing, segment.path,
                "the log begins here at position \(header.position), but is needed from \(files.from) on",
                advice: Advice.log)
        }
        guard header.number == last.segment.number + 1 else {
            return StorageError(
                .missing, segment.path,
                "follows segment \(last.segment.number): what is between them is missing", advice: Advice.log)
        }
        guard header.previousEnd == end, header.position >= end else {
            return StorageError(
                .damaged, segment.path, at: 0,
                "continues a log that ended at position \(header.previousEnd), but the segment before ends at \(end)",
                advice: Advice.log)
        }
        return nil
    }

    private func shortfall(_ segment: LogSegment, _ scan: LogSegmentScan, _ bound: UInt64) -> StorageError {
        let what = scan.problem ?? "the log ends"
        return StorageError(
            .damaged, segment.path, at: scan.endOffset,
            "\(what), at position \(scan.end); everything up to \(bound) is known to have been written",
            advice: Advice.log)
    }

    /// Gives up what does not fit: files that hold nothing that fits get another name, of the one that is good up to a
    /// place a copy is made; its rest is cleared when writing begins. A crash anywhere leaves the same damage to find.
    mutating func drop<D: Disk>(
        because problem: StorageError, _ numbers: [UInt64], in directory: borrowing DataDirectory<D>
    ) throws(StorageError) -> LogRepair {
        let disk = directory.disk
        var saved: [String] = []
        if let last = kept.last, last.endOffset < last.segment.contents.view.count, problem.path == last.segment.path {
            let copy = try free(last.segment.path, on: disk)
            try disk.replace(copy, in: directory.logPath, with: last.segment.contents.view)
            saved.append(copy)
        }
        for number in numbers.reversed() where number > kept.last?.segment.number ?? 0 {
            let path = FileNames.join(directory.logPath, FileNames.segment(number))
            let other = try free(path, on: disk)
            try disk.rename(path, to: other)
            saved.append(other)
        }
        try disk.syncDirectory(directory.logPath)
        return LogRepair(problem: problem, end: end, nextPosition: nextPosition, saved: saved.sorted())
    }

    /// A name for what was found at `path`, that nothing has yet.
    private func free<D: Disk>(_ path: String, on disk: D) throws(StorageError) -> String {
        let names = try Set(disk.list(FileNames.parent(of: path)))
        var count = 1
        while true {
            let candidate = path + FileNames.damagedSuffix + (count > 1 ? ".\(count)" : "")
            let name = candidate.split(separator: "/").last.map(String.init) ?? candidate
            if !names.contains(name) { return candidate }
            count += 1
        }
    }
}
