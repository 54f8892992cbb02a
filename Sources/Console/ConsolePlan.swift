/// The arguments of `a2 console`, read: where to connect, and what to do there.
import Client
import OS
import Options
import RESP

struct ConsolePlan {
    enum Way: Equatable {
        /// Typed, or a script on standard input.
        case lines
        case commands([String])
        case command([[UInt8]])
        case mode(ConsoleMode)
    }

    var endpoint = Endpoint()
    var givenNodes: [Endpoint] = []
    var nodes = NamedNodes()
    var version = Connection.ProtocolVersion.preferThree
    var settings = ConsoleSettings()
    var way = Way.lines
    var repetitions = 1
    var intervalMilliseconds = 0
    var timeoutMilliseconds = 5000
    var pattern: [UInt8]?
    var count = 0
    let isOnTerminal: Bool

    init(_ arguments: Arguments, environment: [String: String]) throws {
        isOnTerminal = Terminal.isTerminal(0) && Terminal.isTerminal(1)
        nodes = try NamedNodes.load(environment)
        var operands = arguments.operands
        try readEndpoint(arguments, environment, &operands)
        try readSettings(arguments, environment)
        if let timeout = try arguments.duration("timeout") {
            guard timeout.milliseconds > 0 else { throw arguments.usage("--timeout: longer than 0") }
            timeoutMilliseconds = timeout.milliseconds
        }
        if let times = try arguments.integer("repeat", in: -1...Int.max) { repetitions = times }
        if let interval = try arguments.duration("interval") { intervalMilliseconds = interval.milliseconds }
        pattern = try arguments.value("pattern").map { try word($0, arguments) }
        count = try arguments.integer("count", in: 1...1_000_000_000) ?? 0
        try readWay(arguments, operands)
    }

    private mutating func readEndpoint(
        _ arguments: Arguments, _ environment: [String: String], _ operands: inout [String]
    ) throws {
        givenNodes = try arguments.values("node").map { try named($0) }
        if let uri = arguments.value("uri") {
            endpoint = try named(uri)
        } else if let first = operands.first, let known = nodes.find(first) {
            endpoint = known
            operands.removeFirst()
        } else if let first = operands.first, first.contains("://") {
            endpoint = try Endpoint(uri: first)
            operands.removeFirst()
        } else if let first = givenNodes.first {
            endpoint = first
        }
        if let host = arguments.value("host") { endpoint.host = host }
        if let port = try arguments.integer("port", in: 1...65535) { endpoint.port = UInt16(port) }
        if let path = arguments.value("socket") { endpoint.socketPath = path }
        if arguments.has("ipv4"), arguments.has("ipv6") { throw arguments.usage("-4 and -6 exclude each other") }
        if arguments.has("ipv4") { endpoint.family = .preferFour }
        if arguments.has("ipv6") { endpoint.family = .preferSix }
        for index in givenNodes.indices { givenNodes[index].family = endpoint.family }
        if let user = arguments.value("user") { endpoint.user = user }
        if let database = try arguments.integer("database", in: 0...Int(Int32.max)) { endpoint.database = database }
        if let password = try password(arguments, environment) {
            endpoint.password = password
            for index in givenNodes.indices where givenNodes[index].password == nil {
                givenNodes[index].password = password
                givenNodes[index].user = endpoint.user
            }
        }
        if arguments.has("resp2"), arguments.has("resp3") { throw arguments.usage("-2 and -3 exclude each other") }
        version = arguments.has("resp2") ? .two : arguments.has("resp3") ? .three : .preferThree
    }

    /// A name of [console.nodes], or an address.
    private func named(_ text: String) throws(ClientError) -> Endpoint {
        if let known = nodes.find(text) { return known }
        return try Endpoint(uri: text)
    }

    private func password(_ arguments: Arguments, _ environment: [String: String]) throws -> String? {
        if let given = arguments.value("password") { return given }
        if let path = arguments.value("password-file") {
            do {
                let line = try Files.read(path).prefix { $0 != 0x0A && $0 != 0x0D }
                return String(decoding: line, as: UTF8.self)
            } catch { throw arguments.usage("--password-file: \(error)") }
        }
        if arguments.has("askpass") {
            guard let answer = Terminal.askSecret("Password: ") else {
                throw arguments.usage("--askpass needs a terminal")
            }
            return answer
        }
        if let variable = environment["REDISCLI_AUTH"], !variable.isEmpty { return variable }
        return nil
    }

    private mutating func readSettings(_ arguments: Arguments, _ environment: [String: String]) throws {
        let formats = ["raw", "json", "csv", "table"].filter { arguments.has($0) }
        if formats.count + (arguments.has("no-raw") ? 1 : 0) > 1 {
            throw arguments.usage("--raw, --no-raw, --json, --csv and --table exclude each other")
        }
        settings.format = arguments.has("no-raw") ? .typed : formats.first.flatMap { ReplyFormat(rawValue: $0) }
        if let text = arguments.value("delimiter") { settings.delimiters.elements = Array(text.utf8) }
        if let text = arguments.value("reply-delimiter") { settings.delimiters.replies = Array(text.utf8) }
        if arguments.has("fail"), arguments.has("no-fail") {
            throw arguments.usage("-e and --no-fail exclude each other")
        }
        settings.isReadOnly = arguments.has("read-only")
        settings.isSure = arguments.has("yes")
        settings.goesOnAfterErrors = arguments.has("no-fail")
        settings.isQuiet = arguments.has("quiet")
        settings.usesPager = environment["PAGER"].map { !$0.isEmpty } ?? false
        let isPlain = environment["NO_COLOR"].map { !$0.isEmpty } ?? false || environment["TERM"] == "dumb"
        switch try arguments.choice("color") {
        case "always": settings.usesColor = true
        case "never": settings.usesColor = false
        default: settings.usesColor = Terminal.isTerminal(1) && !isPlain
        }
    }

    /// An argument as the bytes it stands for: with --quoted-input one in quotes is read as on a line.
    private func word(_ text: String, _ arguments: Arguments) throws(UsageError) -> [UInt8] {
        guard arguments.has("quoted-input") else { return Array(text.utf8) }
        guard let words = Quoting.words(of: text), words.count == 1 else {
            throw arguments.usage("--quoted-input: \(text) is not one word; write \"...\" around it")
        }
        return words[0]
    }

    private mutating func readWay(_ arguments: Arguments, _ operands: [String]) throws {
        let modes = ConsoleMode.allCases.filter { arguments.has($0.rawValue) }
        let lines = arguments.values("command")
        if modes.count > 1 {
            throw arguments.usage("--\(modes[0].rawValue) and --\(modes[1].rawValue) exclude each other")
        }
        if let mode = modes.first {
            if !operands.isEmpty || !lines.isEmpty { throw arguments.usage("--\(mode.rawValue) takes no command") }
            way = .mode(mode)
            return
        }
        if !lines.isEmpty {
            if !operands.isEmpty { throw arguments.usage("-c and a command exclude each other") }
            way = .commands(lines)
            return
        }
        guard !operands.isEmpty else {
            if arguments.has("stdin") || arguments.has("tag") { throw arguments.usage("-x needs a command") }
            return
        }
        var words = try operands.map { try word($0, arguments) }
        if let tag = arguments.value("tag") {
            guard let place = words.firstIndex(of: Array(tag.utf8)) else {
                throw arguments.usage("-X: '\(tag)' is none of the arguments")
            }
            words[place] = StandardInput.all()
        } else if arguments.has("stdin") {
            words.append(StandardInput.all())
        }
        way = .command(words)
    }
}
