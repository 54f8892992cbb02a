/// The views as commands: `:lag`, `:digest --partitions` and the like, typed or given with -c.
///
/// To add one: a row of Options/ConsoleCommands and one here, a question in `ClusterQuestions`, a view. All take --json and --timeout.
import Base
import Glibc
import OS
import Options

/// What a view needs to know of the console it is asked from.
struct ViewContext {
    /// The nodes that were named; the others are learned from them.
    var endpoints: [ClusterEndpoint]
    var database = 0
    var style = ViewStyle()
    var isJSON = false
    /// Standard input and output are a terminal, so that `:top` may take it.
    var isTerminal = false
    var isStopped: () -> Bool = { false }
    var print: (String) -> Void = { Terminal.print($0) }
}

/// Words that make no sense, and what would.
struct ViewUsage: Error, Equatable, CustomStringConvertible {
    let description: String
}

struct ViewCommand: Sendable {
    let row: ConsoleCommand
    /// Flags of its own: those that stand alone, and those with a value.
    let flags: [String]
    let valued: [String]
    let takesKey: Bool
    fileprivate let run: @Sendable (ViewInvocation) throws(ViewUsage) -> Int32

    private init(
        _ name: String, flags: [String] = [], valued: [String] = [], takesKey: Bool = false,
        run: @escaping @Sendable (ViewInvocation) throws(ViewUsage) -> Int32
    ) {
        row = ConsoleCommand.named(name)
        (self.flags, self.valued, self.takesKey) = (flags, valued, takesKey)
        self.run = run
    }

    var name: String { row.name }
    var usage: String { row.usage }

    static let all: [ViewCommand] = [
        ViewCommand("top", valued: ["interval"], run: top),
        ViewCommand("nodes", run: { $0.show($0.questions.nodes()) }),
        ViewCommand("lag", valued: ["watch"], run: lag),
        ViewCommand(
            "digest", flags: ["partitions", "all"],
            run: { invocation in
                invocation.show(
                    invocation.questions.digest(
                        showsPartitions: invocation.has("partitions"), all: invocation.has("all")))
            }),
        ViewCommand("diff", takesKey: true, run: { $0.show($0.questions.diff($0.key)) }),
        ViewCommand(
            "meta", flags: ["all"], takesKey: true,
            run: { $0.show($0.questions.meta($0.key, all: $0.has("all"))) }),
        ViewCommand("map", flags: ["dot"], run: map),
        ViewCommand("probe", valued: ["from", "limit"], run: probe),
    ]

    static func named(_ name: String) -> ViewCommand? { all.first { $0.name == name } }

    /// The words behind the name. Returns the status for a script.
    func run(_ words: [[UInt8]], _ context: ViewContext) throws(ViewUsage) -> Int32 {
        let invocation = try ViewInvocation(self, words, context)
        defer { invocation.questions.gatherer.close() }
        return try run(invocation)
    }
}

/// One call of a view.
private struct ViewInvocation {
    let context: ViewContext
    let questions: ClusterQuestions
    private(set) var key: [UInt8] = []
    private var values: [String: String] = [:]

    init(_ command: ViewCommand, _ words: [[UInt8]], _ context: ViewContext) throws(ViewUsage) {
        var (keys, values, context) = ([[UInt8]](), [String: String](), context)
        var rest = words[...]
        while let word = rest.popFirst() {
            let text = String(decoding: word, as: UTF8.self)
            guard text.hasPrefix("--"), text.utf8.count > 2 else {
                keys.append(word)
                continue
            }
            let parts = text.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            if name == "json" || command.flags.contains(name), parts.count == 1 {
                values[name] = ""
            } else if name == "timeout" || command.valued.contains(name) {
                guard
                    let value = parts.count > 1
                        ? String(parts[1]) : rest.popFirst().map({ String(decoding: $0, as: UTF8.self) })
                else { throw ViewUsage(description: "--\(name) needs a value: \(command.usage)") }
                values[name] = value
            } else {
                throw ViewUsage(description: "unknown flag '\(text)': \(command.usage)")
            }
        }
        guard keys.count == (command.takesKey ? 1 : 0) else {
            throw ViewUsage(description: "wrong number of arguments: \(command.usage)")
        }
        if values["json"] != nil { context.isJSON = true }
        self.context = context
        self.values = values
        key = keys.first ?? []
        let gatherer = ClusterGatherer(context.endpoints)
        gatherer.isStopped = context.isStopped
        questions = ClusterQuestions(gatherer: gatherer, database: context.database)
        if let limit = try milliseconds("timeout") {
            gatherer.limits = ClusterLimits(
                connectMilliseconds: limit, silenceMilliseconds: limit, digestMilliseconds: max(limit, 60_000))
        }
    }

    func has(_ flag: String) -> Bool { values[flag] != nil }

    func value(_ flag: String) -> String? { values[flag] }

    func milliseconds(_ flag: String) throws(ViewUsage) -> Int64? {
        guard let text = values[flag] else { return nil }
        guard let duration = parseDuration(text), duration >= .milliseconds(10), duration <= .seconds(3600) else {
            throw ViewUsage(description: "--\(flag) takes a time from 10ms to 1h such as 500ms or 2s, not '\(text)'")
        }
        let parts = duration.components
        return parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
    }

    @discardableResult
    func show(_ view: some ClusterView) -> Int32 {
        context.print(context.isJSON ? view.json.text + "\n" : view.lines(context.style).written(context.style))
        return view.status
    }

    /// Waits a while; false when it is time to stop.
    func pause(milliseconds: Int64) -> Bool {
        let end = SystemClock.monotonicMilliseconds + milliseconds
        while !context.isStopped() {
            let left = end - SystemClock.monotonicMilliseconds
            if left <= 0 { return true }
            ClusterPoll.sleep(until: [], timeoutMilliseconds: min(left, 50))
        }
        return false
    }
}

@Sendable
private func lag(_ invocation: ViewInvocation) throws(ViewUsage) -> Int32 {
    guard let interval = try invocation.milliseconds("watch") else {
        return invocation.show(invocation.questions.lag())
    }
    while true {
        let started = SystemClock.monotonicMilliseconds
        let view = invocation.questions.lag()
        if !invocation.context.isJSON {
            invocation.context.print(ViewNumber.timeOfDay(unixMilliseconds: SystemClock.wallMilliseconds) + "Z\n")
        }
        let status = invocation.show(view)
        let passed = SystemClock.monotonicMilliseconds - started
        guard invocation.pause(milliseconds: max(interval - passed, 0)) else { return status }
    }
}

@Sendable
private func map(_ invocation: ViewInvocation) throws(ViewUsage) -> Int32 {
    guard invocation.has("dot") else { return invocation.show(invocation.questions.map()) }
    let view = invocation.questions.map(isDot: true)
    invocation.context.print(view.lines(ViewStyle(width: .max)).written(ViewStyle(width: .max)))
    return view.status
}

@Sendable
private func probe(_ invocation: ViewInvocation) throws(ViewUsage) -> Int32 {
    let limit = try invocation.milliseconds("limit")
    var probe = ClusterProbe(gatherer: invocation.questions.gatherer)
    if let limit { probe.limitMilliseconds = limit }
    if let name = invocation.value("from") {
        let reading = invocation.questions.gatherer.read()
        let place = reading.nodes.firstIndex { $0.label == name || $0.address == name || $0.id.map { "\($0)" } == name }
        guard let place else {
            let known = reading.nodes.map(\.label).joined(separator: ", ")
            throw ViewUsage(description: "--from: there is no node '\(name)', but \(known)")
        }
        probe.writer = place
    }
    return invocation.show(ViewProbe(reading: probe.run()))
}

@Sendable
private func top(_ invocation: ViewInvocation) throws(ViewUsage) -> Int32 {
    let watch = ClusterWatch(invocation.questions.gatherer)
    if let interval = try invocation.milliseconds("interval") { watch.refreshMilliseconds = interval }
    let context = invocation.context
    if context.isTerminal, !context.isJSON,
        let status = ViewTopScreen.run(watch, context.style, isStopped: context.isStopped)
    {
        return status
    }
    // Once, for a script: when the digests have been compared, and what differed has been looked at again.
    watch.isHurried = true
    var session = ViewTopSession(watch)
    while !context.isStopped() {
        watch.turn(SystemClock.monotonicMilliseconds)
        session.update()
        if watch.isComplete { break }
        ClusterPoll.sleep(until: watch.links, timeoutMilliseconds: 20)
    }
    defer { watch.close() }
    guard let view = session.view(SystemClock.monotonicMilliseconds) else { return ExitStatus.negative }
    return invocation.show(view)
}
