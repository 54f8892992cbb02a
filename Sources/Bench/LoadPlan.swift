/// What a load consists of: everything the workers need to know, decided before they start.
import Base
import Client
import OS

/// A server under load.
public struct LoadTarget: Sendable {
    public var endpoint: Endpoint
    public var usesRESP3: Bool

    public init(_ endpoint: Endpoint, usesRESP3: Bool = false) {
        self.endpoint = endpoint
        self.usesRESP3 = usesRESP3
    }

    /// What reports call it.
    public var name: String { endpoint.label }

    func connect() throws(SystemError) -> Int32 {
        if let path = endpoint.socketPath { return try Socket.connect(path: path).release() }
        return try Socket.connect(address: endpoint.host, port: endpoint.port).release()
    }

    /// What every connection says first, and how many replies that has.
    var prologue: (bytes: [UInt8], replies: Int) {
        var commands: [[String]] = []
        if usesRESP3 {
            let credentials = endpoint.password.map { ["AUTH", endpoint.user ?? "default", $0] } ?? []
            commands.append(["HELLO", "3"] + credentials)
        } else if let password = endpoint.password {
            commands.append(["AUTH"] + (endpoint.user.map { [$0] } ?? []) + [password])
        }
        if endpoint.database != 0 { commands.append(["SELECT", "\(endpoint.database)"]) }
        var buffer = ByteBuffer()
        for command in commands { buffer.append(request: command.map { Array($0.utf8) }) }
        return (buffer.array, commands.count)
    }
}

extension ByteBuffer {
    /// One request as an array of bulk strings. Not for the hot path.
    mutating func append(request arguments: [[UInt8]]) {
        append("*\(arguments.count)\r\n")
        for argument in arguments {
            append("$\(argument.count)\r\n")
            append(argument)
            append("\r\n")
        }
    }
}

enum LoadMode: Sendable {
    /// A connection sends on when it has all replies.
    case closed
    case open(RatePlan, Arrival)
    /// Requests at their own times.
    case recorded(RecordedLoad)

    var isOpen: Bool {
        switch self {
        case .closed: false
        case .open: true
        case .recorded(let load): load.speed > 0
        }
    }
}

struct LoadPlan: Sendable {
    var name = ""
    var targets: [LoadTarget] = []
    var commands: [RequestPlan] = []
    /// How often each command comes, in relation to the others.
    var weights: [Int] = []
    var distribution = KeyDistribution.uniform
    var shape = RequestShape()
    var mode = LoadMode.closed
    /// Of all targets together.
    var clients = 50
    /// A client has a connection to every target and takes turns.
    var takesTurns = false
    var pipeline = 1
    /// Nil: until the time is over.
    var requests: Int?
    var durationSeconds: Double?
    var warmupSeconds = 0.0
    var threads = 1
    var keepsAlive = true
    var intervalSeconds = 1.0
    var seed: UInt64 = 1
    /// Count acknowledged requests by key.
    var tracksKeys = false
    /// Keep every interval's histograms, encoded.
    var logsHistograms = false
    /// Connections that are lost may come back; else the run ends when all are gone.
    var outlastsOutages = false

    var isOpen: Bool { mode.isOpen }

    /// The steps of a ramp; empty where the rate is one, or none.
    var rampSteps: [RatePlan.Step] {
        if case .open(let rates, _) = mode, rates.isRamp { rates.steps } else { [] }
    }

    /// Request number and key number are one: no key is left out or touched twice, whoever sends it.
    var countsThroughKeys = false

    /// How long what was sent is waited for when the time is over.
    static let graceNanoseconds: Int64 = 5_000_000_000
    /// Without any connection for so long, a run ends.
    static let outageNanosecondsMax: Int64 = 10_000_000_000
}

/// Requests of another time, to be sent again.
struct RecordedLoad: Sendable {
    struct Request: Sendable, Equatable {
        let nanoseconds: Int64
        let offset: Int
        let count: Int
        let client: Int
        let database: Int
        let command: Int
    }

    var bytes: [UInt8] = []
    var requests: [Request] = []
    var commandNames: [String] = []
    /// 1: at their own pace; 0: as fast as replies come.
    var speed = 1.0
}

/// Why a run cannot go on, and how the process then ends.
public struct BenchFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public let exitStatus: Int32
}
