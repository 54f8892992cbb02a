/// `a2 bench replay FILE`: what MONITOR printed, sent again, at its own pace or another one.
import Base
import OS

/// Reads the lines of MONITOR: `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
struct MonitorLog: ~Copyable {
    private(set) var load = RecordedLoad()
    /// Lines that are none of MONITOR's.
    private(set) var skippedLines = 0
    private var clients: [String: Int] = [:]
    private var commands: [String: Int] = [:]
    private var bytes = ByteBuffer(capacity: 1 << 16)
    private var firstNanoseconds: Int64?

    /// Commands that make no sense a second time: they would end or block what is measured.
    private static let left: Set<String> = [
        "AUTH", "HELLO", "SELECT", "MONITOR", "SHUTDOWN", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE",
        "QUIT",
        "RESET", "SYNC", "PSYNC", "REPLCONF", "CLIENT", "DEBUG", "CONFIG", "BLPOP", "BRPOP", "WAIT",
    ]

    init(_ text: [UInt8]) {
        for line in text.split(separator: 10) { if !add(line) { skippedLines += 1 } }
        load.bytes = bytes.array
        load.commandNames = commands.sorted { $0.value < $1.value }.map(\.key)
    }

    private mutating func add(_ line: ArraySlice<UInt8>) -> Bool {
        // The reply to MONITOR itself.
        if line.starts(with: Array("OK".utf8)) || line.starts(with: Array("+OK".utf8)) { return true }
        guard let space = line.firstIndex(of: 32), let close = line.firstIndex(of: UInt8(ascii: "]")),
            let time = Self.nanoseconds(line[..<space]), close > space + 2, line[space + 1] == UInt8(ascii: "[")
        else { return false }
        let inside = String(decoding: line[(space + 2)..<close], as: UTF8.self).split(separator: " ", maxSplits: 1)
        guard inside.count == 2, let database = Int(inside[0]),
            let arguments = Self.arguments(line[(close + 1)...]), let first = arguments.first
        else { return false }
        let name = String(decoding: first, as: UTF8.self).uppercased()
        if Self.left.contains(name) { return true }
        let start = firstNanoseconds ?? time
        firstNanoseconds = start
        let client = clients[String(inside[1])] ?? clients.count
        clients[String(inside[1])] = client
        let command = commands[name] ?? commands.count
        commands[name] = command
        let offset = bytes.count
        bytes.append(request: arguments)
        load.requests.append(
            RecordedLoad.Request(
                nanoseconds: max(time - start, 0), offset: offset, count: bytes.count - offset, client: client,
                database: database, command: command))
        return true
    }

    var clientCount: Int { clients.count }

    /// "seconds.microseconds".
    private static func nanoseconds(_ text: ArraySlice<UInt8>) -> Int64? {
        let parts = String(decoding: text, as: UTF8.self).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let seconds = Int64(parts[0]), seconds >= 0, seconds < 1 << 33, parts[1].count == 6,
            let microseconds = Int64(parts[1])
        else { return nil }
        return seconds * 1_000_000_000 + microseconds * 1000
    }

    /// Words in double quotes with the escapes of redis-cli.
    static func arguments(_ text: ArraySlice<UInt8>) -> [[UInt8]]? {
        var words: [[UInt8]] = []
        var at = text.startIndex
        while at < text.endIndex {
            if text[at] == 32 || text[at] == 13 {
                at += 1
                continue
            }
            guard text[at] == UInt8(ascii: "\"") else { return nil }
            at += 1
            var word: [UInt8] = []
            while at < text.endIndex, text[at] != UInt8(ascii: "\"") {
                guard text[at] == UInt8(ascii: "\\") else {
                    word.append(text[at])
                    at += 1
                    continue
                }
                guard let (byte, length) = escape(text[(at + 1)...]) else { return nil }
                word.append(byte)
                at += 1 + length
            }
            guard at < text.endIndex else { return nil }
            at += 1
            words.append(word)
        }
        return words.isEmpty ? nil : words
    }

    private static func escape(_ text: ArraySlice<UInt8>) -> (UInt8, Int)? {
        guard let letter = text.first else { return nil }
        switch letter {
        case UInt8(ascii: "n"): return (10, 1)
        case UInt8(ascii: "r"): return (13, 1)
        case UInt8(ascii: "t"): return (9, 1)
        case UInt8(ascii: "a"): return (7, 1)
        case UInt8(ascii: "b"): return (8, 1)
        case UInt8(ascii: "x"):
            let digits = String(decoding: text.dropFirst().prefix(2), as: UTF8.self)
            return digits.utf8.count == 2 ? UInt8(digits, radix: 16).map { ($0, 3) } : nil
        default: return (letter, 1)
        }
    }
}

struct ReplayVerb {
    let options: BenchOptions
    let interruption: Interruption?

    func run() throws(BenchFailure) -> Int32 {
        let path = options.operands[0]
        let log = MonitorLog(try BenchFiles.read(path))
        if log.skippedLines > 0 {
            Terminal.printError("a2 bench: \(log.skippedLines) lines of \(path) are none of MONITOR's\n")
        }
        guard !log.load.requests.isEmpty else {
            throw BenchFailure(description: "\(path) has no requests to send", exitStatus: 5)
        }
        var verb = RunVerb(options, interruption)
        return try verb.run([Self.plan(options, log)])
    }

    static func plan(_ options: BenchOptions, _ log: borrowing MonitorLog) -> LoadPlan {
        var plan = options.basePlan
        var load = log.load
        load.speed = options.speed
        plan.name = "replay of \(load.requests.count) requests"
        plan.mode = .recorded(load)
        plan.requests = nil
        plan.durationSeconds = nil
        plan.warmupSeconds = 0
        plan.shape.verifies = false
        plan.takesTurns = false
        // A connection for each client that was, so that the order of its requests is kept.
        if !options.given.contains(where: { $0.name == "clients" || $0.name == "connections-per-node" }) {
            plan.clients = min(log.clientCount, 10_000)
        }
        plan.threads = min(plan.threads, plan.clients)
        plan.commands = load.commandNames.map { name in
            RequestPlan(CommandTemplate(name: name, arguments: [[.text(Array(name.utf8))]]), plan.shape)
        }
        plan.weights = load.commandNames.map { _ in 1 }
        return plan
    }
}
