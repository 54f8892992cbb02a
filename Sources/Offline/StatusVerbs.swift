/// `a2 snapshot status` and `verify`: what a snapshot says of itself, and whether that is so.
import Base
import CRDT
import Engine
import OS
import Options
import Storage

enum StatusVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let source = try SnapshotOpening.file(try tool.operand(0, "FILE"))
        let survey = try SnapshotSurvey(source, tool)
        if tool.isJSON { tool.printJSON { survey.write(to: &$0) } } else { tool.print(survey.rows) }
        return ExitStatus.success
    }
}

enum VerifyVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        if tool.has("quick"), tool.has("full") { throw UsageError("--quick and --full exclude each other") }
        let path = try tool.operand(0, "FILE")
        let source = try SnapshotOpening.file(path)
        if tool.has("quick"), let binary = source as? BinarySnapshot {
            try binary.reader.verify()
            if tool.isJSON {
                tool.printJSON {
                    $0.field("file", path)
                    $0.field("checked", "blocks")
                    $0.field("intact", true)
                }
            } else {
                tool.print("\(path): every block is as it was written")
            }
            return ExitStatus.success
        }
        let survey = try SnapshotSurvey(source, tool)
        let stored = survey.footer
        guard survey.digest.sum == stored.digest, survey.digest.keys == Int(clamping: stored.keyCount) else {
            throw ToolFailure.corrupt(
                "\(path): the digest of its \(survey.digest.keys) keys is \(survey.digest.text); written was "
                    + "\(Fingerprint.hexadecimal(stored.digest)) over \(stored.keyCount)")
        }
        if tool.isJSON {
            tool.printJSON {
                $0.field("file", path)
                $0.field("checked", "keys")
                $0.field("intact", true)
                $0.field("keys", survey.digest.keys)
                $0.field("digest", survey.digest.text)
                $0.field("digest-now", survey.now.text)
            }
        } else {
            tool.print(
                "\(path): intact, \(survey.digest.keys) keys, digest \(survey.digest.text); A2.DIGEST of a node with the "
                    + "same data is \(survey.now.text)")
        }
        return ExitStatus.success
    }
}

/// A snapshot read once from front to back.
struct SnapshotSurvey {
    let name: String
    let header: SnapshotHeader
    let footer: SnapshotFooter
    /// Over everything stored, as the writer summed it up.
    let digest: StateDigest
    /// As a node with this data would answer A2.DIGEST now.
    let now: StateDigest
    private(set) var versions = Versions()
    private(set) var cut = Stamp.zero
    private(set) var stateBytes = 0
    private(set) var pendingRemoves = 0
    private(set) var newest = Stamp.zero

    init(_ source: any SnapshotSource, _ tool: Tool) throws(ToolFailure) {
        let description = try source.description
        name = source.name
        header = description.header
        let key = description.clusterKey
        var digest = StateDigest(beforeMilliseconds: .min, key: key)
        var now = StateDigest(beforeMilliseconds: SystemClock.wallMilliseconds, key: key)
        var versions = Versions()
        var cut = Stamp.zero
        var bytes = 0
        var pending = 0
        let progress = Progress(tool, "reading \(source.name)")
        footer = try source.forEachSection { (partition, _, state) throws(ToolFailure) in
            bytes += state.count
            do throws(StateFailure) {
                let head = try StateReader(state).head
                versions.formUnion(head.context.versions)
                cut = max(cut, head.cut)
                pending += head.context.deferred.sorted.count + head.context.pendingClears.sortedKeys.count
                try digest.add(state: state)
                try now.add(state: state)
            } catch { throw .state(error, partition: partition) }
            progress.show("\(digest.keys) keys")
        }
        progress.end()
        self.digest = digest
        self.now = now
        self.versions = versions
        self.cut = cut
        stateBytes = bytes
        pendingRemoves = pending
        newest = versions.stamps.max() ?? .zero
    }

    private var owner: String {
        "\(header.owner.node)" + (header.owner.generation == 0 ? "" : ".\(header.owner.generation)")
    }

    var rows: [(String, String)] {
        [
            ("file", name), ("format version", "\(SnapshotHeader.version)"), ("cluster", header.clusterName),
            ("node", owner), ("incarnation", String(header.owner.incarnation, radix: 16)),
            ("created", TimeText.utc(header.createdUnixMilliseconds)), ("keys", "\(digest.keys)"),
            ("strings", "\(digest.strings)"), ("sets", "\(digest.sets)"), ("with a deadline", "\(digest.volatileKeys)"),
            ("with a history", "\(digest.unsettledKeys)"), ("removes waiting", "\(pendingRemoves)"),
            ("values", String(humanBytes: digest.valueBytes)), ("states", String(humanBytes: stateBytes)),
            ("partitions", "\(footer.partitionCount)"), ("log", "\(header.start) to \(footer.end)"),
            ("digest", Fingerprint.hexadecimal(footer.digest)), ("digest now", now.text),
            ("stable up to", cut.isZero ? "-" : TimeText.utc(cut.unixMilliseconds)),
            ("versions", versions.stamps.map(\.description).joined(separator: " ")),
        ]
    }

    func write(to json: inout JSONOutput) {
        json.field("file", name)
        json.field("format-version", Int(SnapshotHeader.version))
        json.field("cluster", header.clusterName)
        json.field("node", Int(header.owner.node))
        json.field("generation", Int(header.owner.generation))
        json.field("incarnation", String(header.owner.incarnation, radix: 16))
        json.field("created-ms", header.createdUnixMilliseconds)
        json.field("keys", digest.keys)
        json.field("strings", digest.strings)
        json.field("sets", digest.sets)
        json.field("with-deadline", digest.volatileKeys)
        json.field("with-history", digest.unsettledKeys)
        json.field("removes-waiting", pendingRemoves)
        json.field("value-bytes", digest.valueBytes)
        json.field("state-bytes", stateBytes)
        json.field("partitions", Int(footer.partitionCount))
        json.field("log-start", String(header.start))
        json.field("log-end", String(footer.end))
        json.field("digest", Fingerprint.hexadecimal(footer.digest))
        json.field("digest-now", now.text)
        json.field("cut", cut)
        json.field("versions", versions)
    }
}

/// Times as ISO 8601 in UTC.
enum TimeText {
    static func utc(_ milliseconds: Int64) -> String {
        let seconds = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
        let rest = milliseconds - seconds * 1000
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let second = seconds - days * 86400
        // Days since 0000-03-01, so that the leap day is a year's last.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        func digits(_ number: Int64, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(count - text.count, 0)) + text
        }
        return "\(digits(year, 4))-\(digits(civilMonth, 2))-\(digits(day, 2))T\(digits(second / 3600, 2)):"
            + "\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2)).\(digits(rest, 3))Z"
    }
}
