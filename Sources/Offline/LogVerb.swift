/// `a2 inspect log`: every entry of the log, as far as it can be read; `--fix` cuts off an incomplete end.
import Base
import CRDT
import Engine
import OS
import Options
import Storage
import Wire

enum LogVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        if tool.has("fix") { return try LogFix.run(tool) }
        var printer = try LogPrinter(tool)
        if tool.has("follow") {
            if tool.has("stats") { throw UsageError("--follow and --stats exclude each other") }
            try follow(tool, &printer)
            return ExitStatus.success
        }
        let directory = try DataDirectory(tool.dataDirectory, on: SystemDisk(), for: .reading)
        let reading = try LogReading(directory)
        let wanted = try segments(tool)
        for (segment, scan) in zip(reading.files.segments, reading.scans) {
            if let wanted, !wanted.contains(segment.number) { continue }
            for batch in segment.batches(upTo: scan.endOffset) where !printer.isFull { try printer.print(batch) }
        }
        printer.finish()
        return reading.report(tool)
    }

    /// Numbers, or names of files as 00000001.a2l.
    private static func segments(_ tool: Tool) throws -> Set<UInt64>? {
        if tool.arguments.operands.isEmpty { return nil }
        return Set(
            try tool.arguments.operands.map { operand in
                let name = operand.split(separator: "/").last.map(String.init) ?? operand
                let digits = name.hasSuffix(".a2l") ? String(name.dropLast(4)) : name
                guard let number = UInt64(digits), number > 0 else {
                    throw UsageError("'\(operand)' is no segment: write its number, or the name of its file")
                }
                return number
            })
    }

    /// A log that somebody writes; what is there first, then what comes.
    private static func follow(_ tool: Tool, _ printer: inout LogPrinter) throws {
        let directory = try DataDirectory(tool.dataDirectory, on: SystemDisk(), for: .watching)
        let manifest = try Manifest.read(from: directory)
        var tail = try LogTail(directory, from: manifest.logNeededFrom)
        while !printer.isFull {
            switch try tail.next() {
            case .batch(let batch): try printer.print(batch)
            case .nothing: MachineFacts.pause(milliseconds: 100)
            }
        }
    }
}

/// The segments of a log, scanned.
struct LogReading {
    let files: LogFiles
    let scans: [LogSegmentScan]
    /// Why not all of it can be trusted; nil where an incomplete end is all that is wrong.
    let problem: StorageError?
    let tornBytes: Int

    init(_ directory: borrowing DataDirectory<SystemDisk>) throws {
        let manifest = try Manifest.read(from: directory)
        let identity = try IdentityFile.read(from: directory)
        files = try LogFiles(directory, from: manifest.logNeededFrom)
        scans = files.segments.map { $0.scan() }
        do throws(StorageError) {
            let log = try files.assemble(
                scans, in: directory, durable: max(manifest.durablePosition, identity.logPosition),
                owner: identity.owner)
            problem = nil
            tornBytes = log.tornBytes
        } catch {
            guard error.isCorruption else { throw error }
            problem = error
            tornBytes = 0
        }
    }

    func report(_ tool: Tool) -> Int32 {
        if let problem {
            tool.warn(problem.description)
            return ExitStatus.corruptData
        }
        if tornBytes > 0 {
            tool.note(
                "the last \(tornBytes) bytes are incomplete, as a crash leaves them; a start, or --fix, cuts them off")
        }
        return ExitStatus.success
    }
}

/// Prints entries one by one, or counts them.
struct LogPrinter {
    private let tool: Tool
    private let filter: LogFilter
    private let limit: Int
    private let countsOnly: Bool
    private(set) var printed = 0
    private var statistics = LogStatistics()

    var isFull: Bool { printed >= limit }

    init(_ tool: Tool) throws {
        self.tool = tool
        var filter = LogFilter()
        func stamp(_ flag: String, isUpper: Bool) throws -> Stamp? {
            guard let text = tool.value(flag) else { return nil }
            guard let stamp = StampText.bound(text, isUpper: isUpper) else {
                throw UsageError("--\(flag) takes a stamp as 1800000000000+0@1, or Unix milliseconds, not '\(text)'")
            }
            return stamp
        }
        filter.from = try stamp("from", isUpper: false) ?? .zero
        filter.to = try stamp("to", isUpper: true) ?? .distantFuture
        filter.key = tool.value("key").map { Array($0.utf8) }
        filter.partition = try tool.arguments.integer("partition", in: 0...Slots.partitionCount - 1)
        filter.type = try tool.arguments.choice("type")
        if let text = tool.value("replica") {
            guard let replica = StampText.replica(text) else {
                throw UsageError("--replica takes a node, or node.generation, not '\(text)'")
            }
            filter.replica = replica
        }
        self.filter = filter
        countsOnly = tool.has("stats")
        limit = try tool.arguments.integer("limit", in: 1...Int.max) ?? .max
    }

    mutating func print(_ batch: LogBatch) throws {
        statistics.noteBatch(batch.content.count)
        let place = LogPlace(
            segment: batch.segment, offset: batch.fileOffset, position: batch.position,
            unixMilliseconds: batch.unixMilliseconds)
        for entry in batch.entries where !isFull {
            guard let record = LogRecord(kind: entry.kind, entry.content) else {
                throw ToolFailure.corrupt(
                    "segment \(place.segment), byte \(place.offset): an entry of kind \(entry.kind) that cannot be read"
                )
            }
            switch record {
            case .frames(let frames):
                statistics.noteEntry("frames", entry.content.count)
                try print(frames, place)
            case .largeFrame(let header, let records):
                statistics.noteEntry("large-frame", entry.content.count)
                try print(header, records, place)
            case .state(let partition, let flags, let state):
                statistics.noteEntry("state", entry.content.count)
                let how = flags.contains(.replaces) ? "replaces" : "joined"
                other("state", partition, "\(how), \(state.count) bytes", place)
            case .keyStates(let partition, let states):
                statistics.noteEntry("key-states", entry.content.count)
                other("key-states", partition, "\(states.count) bytes", place)
            case .event(let event):
                statistics.noteEntry("event", entry.content.count)
                other("event", nil, LogText.line(event), place)
            }
        }
    }

    private mutating func print(_ frames: ByteView, _ place: LogPlace) throws {
        var rest = frames
        while !rest.isEmpty, !isFull {
            let frame: (header: FrameHeader, records: ByteView, byteCount: Int)
            do throws(FrameCodec.Failure) { frame = try FrameCodec.decode(rest) } catch {
                throw ToolFailure.corrupt("segment \(place.segment), byte \(place.offset): a frame that is \(error)")
            }
            try print(frame.header, frame.records, place)
            rest = rest.dropFirst(frame.byteCount)
        }
    }

    private mutating func print(_ header: FrameHeader, _ bytes: ByteView, _ place: LogPlace) throws {
        guard filter.wants(header) else { return }
        var records: [Record] = []
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            guard let record = RecordCodec.decode(&reader) else {
                throw ToolFailure.corrupt(
                    "segment \(place.segment), byte \(place.offset): a record of frame \(header.stamp) cannot be read")
            }
            records.append(record)
        }
        let shown = records.filter { filter.wants($0) }
        if shown.isEmpty, filter.key != nil || filter.type != nil { return }
        statistics.note(header, shown)
        guard !countsOnly else { return }
        printed += 1
        if tool.isJSON {
            tool.printLine { json in
                json.place(place, "frame")
                json.field("partition", header.partition)
                json.field("stamp", header.stamp)
                json.field("previous", header.prev)
                json.field("cut", header.cut)
                json.array("dependencies") { json in
                    for stamp in header.dependencies.array { json.value(stamp.description) }
                }
                if header.isGrouped { json.field("grouped", true) }
                guard !tool.isQuiet else { return }
                json.array("records") { json in for record in shown { json.object { record.write(to: &$0) } } }
            }
            return
        }
        let group = header.isGrouped ? "  in a group" : ""
        tool.print(
            "\(place.segment):\(place.offset)  \(TimeText.utc(header.stamp.unixMilliseconds))  frame  partition "
                + "\(header.partition)  \(header.stamp)\(group)")
        if !tool.isQuiet { for record in shown { tool.print("    " + record.line) } }
    }

    private mutating func other(_ kind: String, _ partition: Int?, _ text: String, _ place: LogPlace) {
        if countsOnly || filter.isForFrames { return }
        if let wanted = filter.partition, wanted != partition { return }
        printed += 1
        if tool.isJSON {
            return tool.printLine { json in
                json.place(place, kind)
                if let partition { json.field("partition", partition) }
                json.field("text", text)
            }
        }
        let where_ = partition.map { "  partition \($0)" } ?? ""
        tool.print(
            "\(place.segment):\(place.offset)  \(TimeText.utc(place.unixMilliseconds))  \(kind)\(where_)  \(text)")
    }

    func finish() {
        guard countsOnly else { return }
        if tool.isJSON { tool.printJSON { statistics.write(to: &$0) } } else { tool.print(statistics.rows) }
    }
}

extension JSONOutput {
    fileprivate mutating func place(_ place: LogPlace, _ kind: String) {
        field("kind", kind)
        field("segment", Int(place.segment))
        field("offset", place.offset)
        field("position", String(place.position))
        field("written-ms", place.unixMilliseconds)
    }
}

/// Cutting off what a crash has left at the end of a log.
private enum LogFix {
    static func run(_ tool: Tool) throws -> Int32 {
        // Alone: whoever serves from it would write on behind the cut.
        let directory = try DataDirectory(
            tool.dataDirectory, on: SystemDisk(), for: .serving(processIdentifier: Int(ProcessFacts.id)))
        let reading = try LogReading(directory)
        if let problem = reading.problem {
            tool.warn("\(problem)")
            tool.warn("this is damage below what was known to be on disk, not an incomplete end: nothing was changed")
            return ExitStatus.corruptData
        }
        guard reading.tornBytes > 0, let segment = reading.files.segments.last, let scan = reading.scans.last else {
            tool.print("nothing to cut off")
            return ExitStatus.success
        }
        let backup = segment.path + ".bak"
        try Files.replace(backup, with: segment.contents.view.array, permissions: 0o600)
        let disk = SystemDisk()
        let file = try disk.open(segment.path, for: .writing, permissions: 0)
        defer { disk.close(file) }
        try disk.truncate(file, to: scan.endOffset, path: segment.path)
        try disk.sync(file, path: segment.path)
        tool.print(
            "\(segment.path): \(reading.tornBytes) bytes cut off at byte \(scan.endOffset); all of it is in \(backup)")
        return ExitStatus.success
    }
}

/// `a2 inspect segments`.
enum SegmentsVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let directory = try DataDirectory(tool.dataDirectory, on: SystemDisk(), for: .reading)
        let reading = try LogReading(directory)
        let manifest = try Manifest.read(from: directory)
        if tool.isJSON {
            tool.printJSON { json in
                json.array("segments") { json in
                    for (segment, scan) in zip(reading.files.segments, reading.scans) {
                        json.object { json in
                            json.field("number", Int(segment.number))
                            json.field("path", segment.path)
                            json.field("position", String(segment.header.position))
                            json.field("end", String(scan.end))
                            json.field("file-bytes", segment.contents.view.count)
                            json.field("batches", scan.batchCount)
                            json.field("entries", scan.entryCount)
                            json.field("last-ms", scan.lastUnixMilliseconds)
                            if let problem = scan.problem { json.field("problem", problem) }
                        }
                    }
                }
                json.array("snapshots") { json in
                    for facts in manifest.snapshots {
                        json.object { json in
                            json.field("file", facts.fileName)
                            json.field("start", String(facts.start))
                            json.field("end", String(facts.end))
                            json.field("keys", Int(facts.keys))
                            json.field("created-ms", facts.createdUnixMilliseconds)
                        }
                    }
                }
                json.field("torn-bytes", reading.tornBytes)
                if let problem = reading.problem { json.field("problem", problem.description) }
            }
        } else {
            for (segment, scan) in zip(reading.files.segments, reading.scans) {
                let last = scan.batchCount > 0 ? TimeText.utc(scan.lastUnixMilliseconds) : "-"
                tool.print(
                    "\(segment.path)  positions \(segment.header.position) to \(scan.end)  \(scan.batchCount) batches  "
                        + "\(scan.entryCount) entries  last \(last)" + (scan.problem.map { "  (\($0))" } ?? ""))
            }
            for facts in manifest.snapshots {
                tool.print(
                    "\(facts.fileName)  \(facts.keys) keys  taken \(TimeText.utc(facts.createdUnixMilliseconds))  log from "
                        + "\(facts.start)")
            }
        }
        return reading.report(tool)
    }
}
