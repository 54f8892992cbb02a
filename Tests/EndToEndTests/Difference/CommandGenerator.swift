/// Seeded random commands over everything a2 serves: the same seed gives the same commands, whatever the
/// servers answer.
///
/// A small key space over four databases, so that state builds up; deadlines far apart and far away, so that
/// no key expires unless the generator says so and waits for it.
import Base
import TestSupport

struct CommandGenerator {
    /// One command before it is placed in a batch.
    struct Item {
        var command: Command
        var comparison: Comparison = .exact
        var isTied = false
    }

    var random: SeededRandom
    private var isInTransaction = [false, false]
    private var batchNumber = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    // MARK: Batches

    /// The next steps: one batch of one connection, or one procedure.
    mutating func nextBatch() -> [Step] {
        batchNumber += 1
        let connection = chance(30) ? 1 : 0
        if !isInTransaction[connection], chance(12) { return procedure(connection) }
        let length = chance(30) ? 1 + random.below(5) : 30 + random.below(80)
        var steps: [Step] = []
        while steps.count < length {
            for item in nextItems(connection) {
                steps.append(
                    Step(
                        action: .command(item.command, item.comparison), connection: connection, batch: batchNumber,
                        isTiedToPrevious: item.isTied))
            }
        }
        return steps
    }

    private mutating func nextItems(_ connection: Int) -> [Item] {
        if let item = transactionItem(connection) { return [item] }
        if chance(2) { return [Item(command: wrongArity())] }
        let items = pick(families).make(&self)
        guard items.count == 1, let item = items.first else { return items }
        if chance(5) { return [mutated(item)] }
        if chance(5) { return [Item(command: withOtherCase(item.command), comparison: item.comparison)] }
        return items
    }

    private mutating func transactionItem(_ connection: Int) -> Item? {
        if isInTransaction[connection] {
            switch random.below(1000) {
            case 0..<130:
                isInTransaction[connection] = false
                return Item(command: words("EXEC"), comparison: .transaction)
            case 130..<145:
                isInTransaction[connection] = false
                return Item(command: words("DISCARD"))
            case 145..<150: return Item(command: words("MULTI"))
            case 150..<155: return Item(command: words("WATCH") + [key()])
            case 155..<157: return reset(connection)
            default: return nil
            }
        }
        switch random.below(1000) {
        case 0..<25:
            isInTransaction[connection] = true
            return Item(command: words("MULTI"))
        case 25..<40: return Item(command: words("WATCH") + keys())
        case 40..<44: return Item(command: words("UNWATCH"))
        case 44..<46: return Item(command: words("EXEC"))
        case 46..<48: return Item(command: words("DISCARD"))
        case 48..<51: return reset(connection)
        default: return nil
        }
    }

    private mutating func reset(_ connection: Int) -> Item {
        isInTransaction[connection] = false
        return Item(command: words("RESET"))
    }

    private mutating func procedure(_ connection: Int) -> [Step] {
        func step(_ action: Step.Action, isTied: Bool = false) -> Step {
            Step(action: action, connection: connection, batch: batchNumber, isTiedToPrevious: isTied)
        }
        switch random.below(10) {
        case 0..<4:
            var options: Command = []
            if chance(60) { options += words("COUNT \(1 + random.below(20))") }
            if chance(40) { options += words("MATCH") + [pattern()] }
            if chance(20) { options += words("TYPE string") }
            return [step(.procedure(.fullScan(options: options)))]
        case 4..<6: return [step(.procedure(.randomKey))]
        case 6..<8:
            let key = self.key()
            let command =
                switch random.below(4) {
                case 0: words("SET") + [key, value()] + words("PX 1")
                case 1: words("PSETEX") + [key, words("1")[0], value()]
                case 2: words("GETEX") + [key] + words("PX 1")
                default: words("PEXPIRE") + [key] + words("1")
                }
            let commands = [step(.command(command, .exact)), step(.procedure(.awaitExpiry(key: key)), isTied: true)]
            // PEXPIRE and GETEX of a missing key leave nothing to wait for, which is fine too.
            return commands
        case 8:
            let command = words("SET") + [key(), value()]
            return chance(50)
                ? [
                    step(
                        .procedure(
                            .silenced([words("CLIENT REPLY OFF"), command, words("CLIENT REPLY ON")], replies: 1)))
                ]
                : [step(.procedure(.silenced([words("CLIENT REPLY SKIP"), command], replies: 0)))]
        default:
            let before = words("SET") + [key(), value()]
            return [step(.procedure(.closing([before, words("QUIT"), words("PING")])))]
        }
    }

    // MARK: Chance

    mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    mutating func choose<Element>(_ elements: [Element]) -> Element { elements[random.below(elements.count)] }

    private mutating func pick(_ families: CommandFamilies) -> CommandFamily {
        var left = random.below(families.totalWeight)
        for family in families.all {
            if left < family.weight { return family }
            left -= family.weight
        }
        return families.all[0]
    }
}

/// A group of commands and how often it comes.
struct CommandFamily: Sendable {
    let weight: Int
    let make: @Sendable (inout CommandGenerator) -> [CommandGenerator.Item]

    init(_ weight: Int, _ make: @escaping @Sendable (inout CommandGenerator) -> [CommandGenerator.Item]) {
        self.weight = weight
        self.make = make
    }

    /// Commands whose replies are compared exactly.
    static func exact(_ weight: Int, _ make: @escaping @Sendable (inout CommandGenerator) -> Command) -> CommandFamily {
        CommandFamily(weight) { [CommandGenerator.Item(command: make(&$0))] }
    }

    static func compared(
        _ weight: Int, _ comparison: Comparison, _ make: @escaping @Sendable (inout CommandGenerator) -> Command
    ) -> CommandFamily {
        CommandFamily(weight) { [CommandGenerator.Item(command: make(&$0), comparison: comparison)] }
    }
}

struct CommandFamilies: Sendable {
    let all: [CommandFamily]
    let totalWeight: Int

    init(_ all: [CommandFamily]) {
        self.all = all
        totalWeight = all.reduce(0) { $0 + $1.weight }
    }
}

private let families = CommandFamilies(
    stringFamilies + bitmapFamilies + keyFamilies + connectionFamilies + serverFamilies)

func words(_ text: String) -> Command { text.utf8.split(separator: 32).map { Array($0) } }
