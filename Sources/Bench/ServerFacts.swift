/// What a server says of itself around a run: INFO before and after, and what came of it.
import Base
import Client
import OS
import RESP

/// INFO, read.
struct ServerInfo: Sendable {
    /// In the order in which the server has them.
    let fields: [(name: String, value: String)]
    private let byName: [String: String]

    init(_ text: String) {
        var (fields, byName) = ([(name: String, value: String)](), [String: String]())
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let (name, value) = (String(line[..<colon]), String(line[line.index(after: colon)...]))
            fields.append((name, value))
            byName[name] = value
        }
        self.fields = fields
        self.byName = byName
    }

    subscript(name: String) -> String? { byName[name] }
    func number(_ name: String) -> Double? { byName[name].flatMap { Double($0) } }

    /// Processor time the server has used.
    var cpuMicroseconds: Double? {
        guard let user = number("used_cpu_user"), let system = number("used_cpu_sys") else { return nil }
        return (user + system) * 1e6
    }

    var version: String {
        if let version = self["a2_version"] { return "a2 \(version)" }
        if let version = self["valkey_version"] { return "valkey \(version)" }
        return "redis \(self["redis_version"] ?? "unknown")"
    }

    /// What stands in "name=value,name=value".
    static func parts(_ text: String) -> [String: String] {
        var parts: [String: String] = [:]
        for pair in text.split(separator: ",") {
            let sides = pair.split(separator: "=", maxSplits: 1)
            if sides.count == 2 { parts[String(sides[0])] = String(sides[1]) }
        }
        return parts
    }
}

/// A server beside a run.
struct ServerFacts: Sendable {
    let target: LoadTarget
    let before: ServerInfo?
    var after: ServerInfo?

    /// Of the time between both.
    var cpuMicroseconds: Double? {
        guard let before = before?.cpuMicroseconds, let after = after?.cpuMicroseconds else { return nil }
        return after - before
    }

    /// INFO, nil where the server has none. The default sections and those a2 adds on request.
    static func read(_ target: LoadTarget) throws(BenchFailure) -> ServerInfo? {
        let connection = try ControlConnection(target)
        guard case .bulk(let text) = try info(connection) else { return nil }
        return ServerInfo(String(decoding: text, as: UTF8.self))
    }

    private static func info(_ connection: ControlConnection) throws(BenchFailure) -> ReplyValue {
        let reply = try connection.call("INFO", "everything")
        if case .verbatim(_, let text) = reply { return .bulk(text) }
        if case .error(let text) = reply {
            let text = String(decoding: text, as: UTF8.self)
            if text.hasPrefix("NOAUTH") {
                throw BenchFailure(description: "\(connection.target.name): \(text)", exitStatus: 4)
            }
        }
        return reply
    }

    /// The commands of `names` that the server does not have.
    static func missing(_ names: [String], at target: LoadTarget) throws(BenchFailure) -> Set<String> {
        if names.isEmpty { return [] }
        let connection = try ControlConnection(target)
        let reply = try connection.call((["COMMAND", "INFO"] + names).map { Array($0.utf8) })
        // Without COMMAND there is nothing to tell from.
        guard let rows = reply.elements, rows.count == names.count else { return [] }
        return Set(zip(names, rows).filter { $1.elements == nil || $1.elements?.isEmpty == true }.map(\.0))
    }
}
