/// One row per command: everything a2 knows of it stands here and in its handler, in one file.
///
/// From the row come the arity and key checks, COMMAND, COMMAND DOCS and GETKEYS, console completion, the
/// ACL categories, a2-commands(7) and README's table.
import Base

public struct CommandFlags: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let write = CommandFlags(rawValue: 1 << 0)
    public static let readOnly = CommandFlags(rawValue: 1 << 1)
    /// May need memory: refused over maxmemory when nothing can be evicted.
    public static let denyOutOfMemory = CommandFlags(rawValue: 1 << 2)
    public static let admin = CommandFlags(rawValue: 1 << 3)
    public static let fast = CommandFlags(rawValue: 1 << 4)
    public static let noScript = CommandFlags(rawValue: 1 << 5)
    public static let loading = CommandFlags(rawValue: 1 << 6)
    public static let stale = CommandFlags(rawValue: 1 << 7)
    public static let skipMonitor = CommandFlags(rawValue: 1 << 8)
    public static let skipSlowLog = CommandFlags(rawValue: 1 << 9)
    /// Allowed before AUTH.
    public static let noAuth = CommandFlags(rawValue: 1 << 10)
    public static let noMulti = CommandFlags(rawValue: 1 << 11)
    /// Runs inside MULTI instead of being queued: EXEC, DISCARD, MULTI, WATCH, QUIT, RESET.
    public static let notQueued = CommandFlags(rawValue: 1 << 12)
    public static let pubsub = CommandFlags(rawValue: 1 << 13)
    public static let blocking = CommandFlags(rawValue: 1 << 14)
    public static let noAsyncLoading = CommandFlags(rawValue: 1 << 15)
    public static let allowBusy = CommandFlags(rawValue: 1 << 16)
    public static let mayReplicate = CommandFlags(rawValue: 1 << 17)
    public static let sentinelOnly = CommandFlags(rawValue: 1 << 18)
    /// Its keys cannot be told from fixed positions alone.
    public static let movableKeys = CommandFlags(rawValue: 1 << 19)
    /// Only where enable-debug-command allows it.
    public static let protected = CommandFlags(rawValue: 1 << 21)
    /// Looks at every partition, one after the other.
    public static let walks = CommandFlags(rawValue: 1 << 20)
}

/// Where keys stand among the arguments, and what is done with them: as COMMAND INFO tells it.
public struct KeySpec: Sendable {
    /// Index of the first key; the command's name is 0.
    public let first: Int
    /// Index of the last key; negative counts from the end: -1 is the last argument.
    public let last: Int
    public let step: Int
    /// Redis' flags, such as "RW ACCESS UPDATE".
    public let flags: StaticString

    public init(_ first: Int, _ last: Int, step: Int = 1, _ flags: StaticString) {
        self.first = first
        self.last = last
        self.step = step
        self.flags = flags
    }

    public static func one(_ flags: StaticString, at index: Int = 1) -> KeySpec { KeySpec(index, index, flags) }
}

public typealias Handler = @Sendable (inout Invocation) throws(CommandError) -> Void

public struct Command: Sendable {
    /// The number of arguments, the name included; negative means "at least".
    public let arity: Int
    public let flags: CommandFlags
    /// The keys as one range, over all specs.
    public let firstKey: Int
    public let lastKey: Int
    public let keyStep: Int
    public let handler: Handler
    /// Position in the flat list of all rows, subcommands included; indexes statistics.
    public internal(set) var index = 0

    /// In capitals; a subcommand's without its parent's.
    public let name: StaticString
    public let keys: [KeySpec]
    /// Redis' notation: `key value [NX | XX] [EX seconds | KEEPTTL]`.
    public let arguments: StaticString
    public let summary: StaticString
    public let since: StaticString
    public let group: StaticString
    public let complexity: StaticString
    /// How concurrent uses in two regions come out.
    public let conflict: StaticString
    /// ACL categories beyond those that follow from flags and group, such as "@dangerous".
    public let categories: StaticString
    /// Redis' hints for clients, such as "nondeterministic_output".
    public let tips: StaticString
    public internal(set) var subcommands: [Command]
    /// The same rows where they can be pointed at; set when the table is made.
    private var settledSubcommands = SubcommandRows()
    /// The name of the command this is a subcommand of.
    public internal(set) var parent: StaticString?

    private struct SubcommandRows: @unchecked Sendable {
        var rows = UnsafeMutableBufferPointer<Command>(start: nil, count: 0)
    }

    public init(
        name: StaticString, arity: Int, flags: CommandFlags = [], keys: [KeySpec] = [], arguments: StaticString = "",
        summary: StaticString, since: StaticString, group: StaticString, complexity: StaticString = "O(1)",
        conflict: StaticString = "", categories: StaticString = "", tips: StaticString = "",
        subcommands: [Command] = [], handler: @escaping Handler = unknownSubcommand
    ) {
        self.name = name
        self.arity = arity
        self.flags = flags
        self.keys = keys
        firstKey = keys.first?.first ?? 0
        lastKey = keys.last?.last ?? 0
        keyStep = keys.last?.step ?? 0
        self.arguments = arguments
        self.summary = summary
        self.since = since
        self.group = group
        self.complexity = complexity
        self.conflict = conflict
        self.categories = categories
        self.tips = tips
        self.subcommands = subcommands
        self.handler = handler
    }

    /// Called once, when the table is made; the rows live as long as the process.
    mutating func settleSubcommands() {
        let rows = UnsafeMutableBufferPointer<Command>.allocate(capacity: subcommands.count)
        _ = rows.initialize(from: subcommands)
        settledSubcommands.rows = rows
    }

    public func subcommand(named name: ByteView) -> Reference? {
        for index in settledSubcommands.rows.indices
        where name.equalsIgnoringCase(ByteView(settledSubcommands.rows[index].name)) {
            guard let start = settledSubcommands.rows.baseAddress else { return nil }
            return Reference(start + index)
        }
        return nil
    }

    @inline(__always)
    public func accepts(argumentCount: Int) -> Bool {
        arity >= 0 ? argumentCount == arity : argumentCount >= -arity
    }

    /// Called through its subcommands.
    public var isContainer: Bool { !subcommands.isEmpty }

    /// One key, at one place: the common case, executed without any bookkeeping.
    @inline(__always)
    public var hasSingleKey: Bool { firstKey > 0 && firstKey == lastKey }

    /// The index behind the last key of a call with `argumentCount` arguments.
    @inline(__always)
    public func keyEnd(_ argumentCount: Int) -> Int {
        lastKey < 0 ? argumentCount + lastKey + 1 : min(lastKey + 1, argumentCount)
    }
}

/// The handler of a command that only exists through its subcommands, called without one.
@Sendable
public func unknownSubcommand(_ call: inout Invocation) throws(CommandError) {
    throw .wrongArity(call.commandName)
}
