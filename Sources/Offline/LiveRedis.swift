/// A running Redis or Valkey, read with SCAN, DUMP and PEXPIRETIME, or PTTL before 7.0: as exact as its clients see it, and not one moment's
/// picture.
import Base
import Client
import Engine
import OS
import Options
import RESP

struct LiveRedis: ImportSource {
    private let connection: Connection
    private let rules: ImportRules
    private let tool: Tool

    private static let footerBytes = 10

    init(_ connection: Connection, _ rules: ImportRules, _ tool: Tool) {
        self.connection = connection
        self.rules = rules
        self.tool = tool
    }

    var isRepeatable: Bool { false }

    func forEachKey(
        _ report: inout ImportReport, _ body: (ImportedKey) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        do {
            let info = try connection.info("server")
            let isValkey = info["valkey_version"] != nil || info["server_name"] == "valkey"
            let keyspace = InfoText(try connection.ask("INFO", "keyspace").text ?? "")
            let progress = Progress(tool, "reading \(connection.endpoint)")
            for field in keyspace.sections.flatMap(\.fields) {
                guard field.name.hasPrefix("db"), let database = Int(field.name.dropFirst(2)) else { continue }
                guard database < Limits.databasesMax else {
                    report.skipped["database above \(Limits.databasesMax - 1)", default: 0] += 1
                    continue
                }
                try read(database, isValkey: isValkey, &report, progress, body)
            }
            progress.end()
        } catch let failure as ToolFailure {
            throw failure
        } catch let failure as ClientError {
            throw ToolFailure(failure.exitStatus, failure.description)
        } catch { preconditionFailure("\(error)") }
    }

    private func read(
        _ database: Int, isValkey: Bool, _ report: inout ImportReport, _ progress: Progress,
        _ body: (ImportedKey) throws(ToolFailure) -> Void
    ) throws {
        _ = try connection.ask("SELECT", "\(database)")
        var cursor = "0"
        // A key that is surely not there: whether the command is.
        let asksForDeadline = try !connection.call("PEXPIRETIME", "").isError
        // SCAN may show a key twice while the table moves.
        var seen: Set<UInt128> = []
        repeat {
            let reply = try connection.ask("SCAN", cursor, "COUNT", "256")
            guard let parts = reply.elements, parts.count == 2, let next = parts[0].text,
                let names = parts[1].elements?.compactMap(\.bytes)
            else { throw ToolFailure.refused("\(connection.endpoint): SCAN answers with something else than keys") }
            cursor = next
            let wanted = names.filter { name in
                name.withView { rules.wants($0) && seen.insert(Fingerprint.of($0)).inserted }
            }
            let now = SystemClock.wallMilliseconds
            let question = Array((asksForDeadline ? "PEXPIRETIME" : "PTTL").utf8)
            let commands = wanted.flatMap { [[Array("DUMP".utf8), $0], [question, $0]] }
            let replies = try connection.pipeline(commands, timeoutMilliseconds: 120_000)
            let base = asksForDeadline ? 0 : now
            for (index, name) in wanted.enumerated() {
                try take(
                    name, replies[2 * index], replies[2 * index + 1], base, database, isValkey: isValkey, &report, body)
            }
            progress.show("\(report.keys) keys")
        } while cursor != "0"
    }

    private func take(
        _ name: [UInt8], _ dump: ReplyValue, _ lifetime: ReplyValue, _ base: Int64, _ database: Int, isValkey: Bool,
        _ report: inout ImportReport, _ body: (ImportedKey) throws(ToolFailure) -> Void
    ) throws {
        // Gone since SCAN has shown it.
        if dump.isNull { return }
        if let error = dump.errorText ?? lifetime.errorText {
            throw ToolFailure.refused("\(connection.endpoint): DUMP or its deadline: \(error)")
        }
        guard case .bulk(let payload) = dump, let left = lifetime.integer else { return }
        let given: Int64? = left >= 0 ? base + left : nil
        try payload.withView { (view) throws(ToolFailure) in
            guard view.count > Self.footerBytes else { throw .corrupt("a dumped value of \(view.count) bytes") }
            let bodyBytes = view.count - Self.footerBytes
            var footer = ByteReader(view.dropFirst(bodyBytes))
            _ = footer.littleEndian(UInt16.self)
            let stored = footer.littleEndian(UInt64.self)
            guard stored == 0 || stored == crc64(view.slice(0, bodyBytes + 2)) else {
                throw .corrupt("\(DiffVerb.quoted(name)): the checksum of what DUMP gave does not hold")
            }
            let reader = RDBReader(payload: view.slice(0, bodyBytes), isValkey: isValkey)
            if case .skipped(let type) = try reader.nextOfPayload() {
                report.skipped[type, default: 0] += 1
                return
            }
            let (isPast, deadline) = rules.deadline(given)
            if isPast {
                report.expired += 1
                return
            }
            report.keys += 1
            try name.withView { (name) throws(ToolFailure) in
                try body(ImportedKey(database: database, name: name, value: reader.value.view, deadline: deadline))
            }
        }
    }
}

extension Fingerprint {
    static func of(_ bytes: ByteView) -> UInt128 {
        var fingerprint = Fingerprint(key: (0, 0))
        fingerprint.combine(bytes)
        return fingerprint.finish()
    }
}
