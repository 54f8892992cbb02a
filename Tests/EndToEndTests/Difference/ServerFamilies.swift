/// Connections, introspection, settings, and what is wrong on purpose.
import Base

let connectionFamilies: [CommandFamily] = [
    .exact(18) { words("SELECT") + [$0.database()] },
    .exact(5) { $0.chance(50) ? words("PING") : words("PING") + [$0.value()] },
    .exact(5) { words("ECHO") + [$0.value()] },
    .exact(2) { words($0.choose(["AUTH x", "AUTH default x", "AUTH nosuch x", "AUTH a b c", "AUTH nosuch"])) },
    .compared(3, .map(loose: ["version", "id"])) { generator in
        let line = generator.choose([
            "HELLO", "HELLO 2", "HELLO 3", "HELLO 3", "HELLO 4", "HELLO 1", "HELLO abc", "HELLO 3 SETNAME n1",
            "HELLO 2 AUTH default x", "HELLO 3 AUTH nosuch x", "HELLO 3 AUTH default", "HELLO 3 nosuch",
            "HELLO 3 SETNAME",
            "HELLO 99999999999999999999", "hello 3 setname n2 auth default y",
        ])
        return words(line)
    },
    .exact(3) { words("CLIENT SETNAME") + [$0.chance(30) ? $0.value() : $0.letters($0.random.below(6))] },
    .exact(3) { _ in words("CLIENT GETNAME") },
    .compared(2, .type) { words($0.choose(["CLIENT ID", "CLIENT INFO", "CLIENT LIST", "CLIENT LIST TYPE normal"])) },
    .exact(4) { generator in
        let line = generator.choose([
            "CLIENT NO-EVICT on", "CLIENT NO-EVICT OFF", "CLIENT NO-EVICT nosuch", "CLIENT KILL 1.2.3.4:5",
            "CLIENT KILL ID abc", "CLIENT KILL ID 99999999", "CLIENT KILL ID 0", "CLIENT KILL ID -1",
            "CLIENT KILL TYPE nosuch", "CLIENT KILL ADDR 1.1.1.1:1", "CLIENT KILL USER nosuch", "CLIENT KILL nosuch x",
            "CLIENT KILL ID 99999999 SKIPME maybe", "CLIENT KILL ID", "CLIENT KILL ID 99999999 ADDR",
            "CLIENT KILL LADDR 1.1.1.1:1 SKIPME yes", "CLIENT UNBLOCK abc", "CLIENT UNBLOCK 99999999",
            "CLIENT UNBLOCK 99999999 TIMEOUT", "CLIENT UNBLOCK 99999999 error", "CLIENT UNBLOCK 1 nosuch",
            "CLIENT REPLY nosuch", "CLIENT nosuch", "CLIENT GETREDIR", "CLIENT LIST TYPE nosuch", "CLIENT LIST ID abc",
            "CLIENT LIST nosuch", "client getname", "CLIENT KILL TYPE pubsub", "CLIENT LIST ID 99999999",
        ])
        return words(line)
    },
]

let serverFamilies: [CommandFamily] = [
    .exact(5) { generator in words("COMMAND GETKEYS") + generator.keyedCommand() },
    .exact(3) { generator in words("COMMAND GETKEYSANDFLAGS") + generator.keyedCommand() },
    .compared(3, .commandInfo) { generator in
        words("COMMAND INFO")
            + (0..<1 + generator.random.below(3)).map { _ in
                Array(generator.choose(knownCommands).name.lowercased().utf8)
            } + (generator.chance(20) ? words("nosuch") : [])
    },
    .compared(2, .commandNames) { generator in
        let line = generator.choose([
            "COMMAND LIST", "COMMAND LIST FILTERBY PATTERN get*", "COMMAND LIST FILTERBY PATTERN *bit*",
            "COMMAND LIST FILTERBY nosuch x", "COMMAND LIST FILTERBY PATTERN nosuch", "COMMAND LIST nosuch",
            "COMMAND LIST FILTERBY PATTERN", "COMMAND LIST FILTERBY MODULE nosuch",
            "COMMAND LIST FILTERBY ACLCAT nosuch",
        ])
        return words(line)
    },
    .compared(2, .type) { generator in
        let line = generator.choose([
            "COMMAND COUNT", "COMMAND DOCS get set", "COMMAND DOCS nosuch", "COMMAND HELP", "CONFIG HELP",
            "CLIENT HELP",
            "MEMORY HELP", "SLOWLOG HELP", "LATENCY HELP", "CONFIG GET max*", "INFO", "INFO server", "INFO nosuch",
            "INFO keyspace clients", "LOLWUT", "LOLWUT VERSION 5", "SLOWLOG GET", "SLOWLOG GET 2", "SLOWLOG LEN",
            "SLOWLOG RESET", "LATENCY LATEST", "LATENCY RESET", "LATENCY HISTORY nosuch", "LATENCY DOCTOR", "TIME",
            "ROLE",
        ])
        return words(line)
    },
    .compared(1, .shape) { words($0.choose(["TIME", "ROLE"])) },
    .exact(4) { generator in
        let line = generator.choose([
            "COMMAND nosuch", "COMMAND GETKEYS nosuch x", "COMMAND GETKEYS GET", "COMMAND GETKEYS PING",
            "CONFIG GET nosuch", "CONFIG GET maxmemory", "CONFIG GET maxmemory-policy", "CONFIG GET databases",
            "CONFIG GET timeout", "CONFIG GET MAXMEMORY", "CONFIG SET nosuch 1", "CONFIG SET maxmemory abc",
            "CONFIG SET maxmemory 0", "CONFIG SET timeout 0", "CONFIG SET timeout abc", "CONFIG SET timeout -1",
            "CONFIG SET maxmemory-policy nosuch", "CONFIG SET maxmemory-policy noeviction",
            "CONFIG SET timeout 0 timeout 0", "CONFIG SET timeout 0 maxmemory", "CONFIG SET databases 3",
            "CONFIG RESETSTAT", "CONFIG nosuch", "SLOWLOG GET abc", "SLOWLOG GET -2", "SLOWLOG nosuch",
            "LATENCY nosuch",
            "LATENCY RESET nosuch", "DEBUG SLEEP 0", "DEBUG OBJECT k1", "DEBUG nosuch", "WAIT 0 0", "WAIT 0 abc",
            "WAIT 0 -1", "WAIT abc 0", "LOLWUT VERSION", "MEMORY nosuch", "MEMORY USAGE", "MEMORY USAGE k1 SAMPLES",
            "MEMORY USAGE k1 nosuch 1", "MEMORY USAGE k1 SAMPLES abc", "MEMORY USAGE k1 SAMPLES -1", "OBJECT nosuch k1",
        ])
        return words(line)
    },
    .compared(2, .shape) { words("MEMORY USAGE") + [$0.key()] + words($0.choose(["", "SAMPLES 0", "SAMPLES 5"])) },
    .exact(4) { $0.unknownCommand() },
]

extension CommandGenerator {
    /// A command with keys, for asking which they are.
    fileprivate mutating func keyedCommand() -> Command {
        for _ in 0..<20 {
            let families = chance(70) ? stringFamilies : chance(50) ? bitmapFamilies : keyFamilies
            guard let item = choose(families).make(&self).first else { continue }
            if item.command.count > 1 { return item.command }
        }
        return words("GET k1")
    }

    fileprivate mutating func unknownCommand() -> Command {
        var command: Command =
            switch random.below(6) {
            case 0: [[]]
            case 1: [bytes(1 + random.below(20))]
            case 2: [letters(100 + random.below(100))]
            default: words(choose(["NOSUCH", "GETT", "SE", "g et", "nosuch\r\n", "foo'bar"]))
            }
        for _ in 0..<random.below(5) { command.append(value()) }
        return command
    }

    /// Too few arguments for a command, or too many.
    mutating func wrongArity() -> Command {
        let known = choose(knownCommands)
        var command = words(known.name.split(separator: "|").joined(separator: " "))
        let wanted = abs(known.arity)
        let isOpen = known.arity < 0
        let canBeShort = wanted > command.count
        if canBeShort, isOpen || chance(50) {
            let count = command.count + random.below(wanted - command.count)
            while command.count < count { command.append(value()) }
        } else if !isOpen {
            let count = wanted + 1 + random.below(3)
            while command.count < count { command.append(value()) }
        } else {
            return words(choose(["GET", "SET k1", "EXPIRE", "nosuch"]))
        }
        return command
    }

    mutating func withOtherCase(_ command: Command) -> Command {
        var command = command
        command[0] = command[0].map { byte in
            let isLetter = byte | 0x20 >= 97 && byte | 0x20 <= 122
            return isLetter && chance(50) ? byte ^ 0x20 : byte
        }
        return command
    }

    /// Their variants need other comparisons, or would wait, or would reach beyond the test.
    private static let neverMutated: Set<String> = [
        "CLIENT", "WAIT", "DEBUG", "CONFIG", "FLUSHALL", "COMMAND", "SCAN", "SLOWLOG", "LATENCY", "MEMORY", "LOLWUT",
        "HELLO", "INFO",
    ]

    /// The command with one thing wrong with it. Nothing here can make a deadline that falls into the run, a
    /// large allocation, or a command that waits.
    mutating func mutated(_ item: Item) -> Item {
        var command = item.command
        let name = String(decoding: command[0], as: UTF8.self).uppercased()
        guard !CommandGenerator.neverMutated.contains(name), command.count > 1 else { return item }
        let movable: Set<String> = [
            "GET", "GETRANGE", "MGET", "MSET", "LCS", "COPY", "RENAME", "BITCOUNT", "BITPOS", "INCRBY", "DECRBY",
            "BITOP", "DEL", "EXISTS", "APPEND", "INCRBYFLOAT",
        ]
        let at = 1 + random.below(command.count - 1)
        switch random.below(movable.contains(name) ? 5 : 3) {
        case 0: command.removeLast()
        case 1: command.append(Array(choose(["x", "", "GET", "NX", "0", "-1"]).utf8))
        case 2: command[at] = oddNumber()
        case 3: command.insert(command[at], at: at)
        default: command.swapAt(at, 1 + random.below(command.count - 1))
        }
        return Item(command: command, comparison: item.comparison)
    }
}
