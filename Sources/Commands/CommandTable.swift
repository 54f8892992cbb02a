/// All rows, and how a name finds its row.
///
/// The groups are listed here and nowhere else; a new command never touches this file. Lookup is a small
/// open-addressed table over the folded name: two loads and a comparison.
import Base

public struct CommandTable: @unchecked Sendable {
    /// Top-level commands in the order of their groups.
    public let commands: UnsafeBufferPointer<Command>
    /// Every row, subcommands behind their parents; `Command.index` is the position here.
    public let rowCount: Int
    private let slots: UnsafeMutablePointer<Int16>
    private static let slotCount = 2048

    public static let shared = CommandTable(groups: [
        stringCommands, multiStringCommands, stringRangeCommands, counterCommands, lcsCommands, bitmapCommands,
        bitfieldCommands, keyCommands, expiryCommands, payloadCommands, scanCommands, walkCommands, transactionCommands,
        connectionCommands, clientCommands, serverCommands, persistenceCommands, introspectionCommands,
        diagnosticCommands, memoryCommands, configurationCommands, infoCommands, debugCommands, accessCommands,
        a2Commands, peerCommands,
    ])

    public init(groups: [[Command]]) {
        var rows: [Command] = []
        var index = 0
        for var row in groups.joined() {
            row.index = index
            index += 1
            let parent = row.name
            for position in row.subcommands.indices {
                row.subcommands[position].index = index
                row.subcommands[position].parent = parent
                index += 1
            }
            row.settleSubcommands()
            rows.append(row)
        }
        rowCount = index
        let storage = UnsafeMutableBufferPointer<Command>.allocate(capacity: rows.count)
        _ = storage.initialize(from: rows)
        commands = UnsafeBufferPointer(storage)
        slots = .allocate(capacity: Self.slotCount)
        slots.initialize(repeating: -1, count: Self.slotCount)
        for (position, row) in rows.enumerated() {
            var slot = Self.slot(ByteView(row.name))
            while slots[slot] >= 0 {
                precondition(rows[Int(slots[slot])].name.description != row.name.description, "two rows \(row.name)")
                slot = (slot + 1) & (Self.slotCount - 1)
            }
            slots[slot] = Int16(position)
        }
    }

    @inline(__always)
    private static func slot(_ name: ByteView) -> Int {
        var word: UInt64 = UInt64(truncatingIfNeeded: name.count)
        if name.count >= 8 {
            word = word &+ (name.word64(at: 0) | 0x2020_2020_2020_2020)
            word = word &* 0x9E37_79B9_7F4A_7C15 ^ (name.word64(at: name.count - 8) | 0x2020_2020_2020_2020)
        } else if name.count >= 4 {
            let low = UInt64(name.word32(at: 0) | 0x2020_2020)
            word = word &+ (low | UInt64(name.word32(at: name.count - 4) | 0x2020_2020) << 32)
        } else if name.count > 0 {
            let ends = UInt64(name[0] | 0x20) | UInt64(name[name.count - 1] | 0x20) << 16
            word = word &+ (ends | UInt64(name[name.count >> 1] | 0x20) << 8)
        }
        return Int(truncatingIfNeeded: (word &* 0x9E37_79B9_7F4A_7C15) >> 53)
    }

    /// The row of a command, whatever the case of its name.
    @inline(__always)
    public func find(_ name: ByteView) -> Command.Reference? {
        var slot = Self.slot(name)
        while true {
            let position = Int(slots[slot])
            if position < 0 { return nil }
            let row = commands.baseAddress.unsafelyUnwrapped + position
            if name.equalsIgnoringCase(ByteView(row.pointee.name)) { return row }
            slot = (slot + 1) & (Self.slotCount - 1)
        }
    }

    /// The row of the subcommand a call names, or its command's own row.
    public func resolve(_ row: Command.Reference, _ arguments: Arguments) -> Command.Reference {
        guard !row.pointee.subcommands.isEmpty, arguments.count > 1 else { return row }
        return row.pointee.subcommand(named: arguments[1]) ?? row
    }
}
