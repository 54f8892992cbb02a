/// MONITOR: every command of every client, as a line, to whoever asked.
import Base
import Commands
import OS
import RESP
import Synchronization

extension EventLoop {
    /// After the command ran. `before` is the transaction that was open when it came.
    func feedMonitors(
        _ command: Command.Reference, _ arguments: Arguments, _ before: Transaction?,
        _ connection: UnsafeMutablePointer<Connection>
    ) {
        let isQueued = before != nil && !command.pointee.flags.contains(.notQueued)
        if isQueued { return }
        let hasRun = before != nil && connection.session.pointee.transaction == nil
        if hasRun, command.pointee.name.description == "EXEC", before?.isBroken == false {
            before?.forEach { feed($0, $1, connection) }
        }
        feed(command, arguments, connection)
    }

    private func feed(
        _ command: Command.Reference, _ arguments: Arguments, _ connection: UnsafeMutablePointer<Connection>
    ) {
        if command.pointee.flags.contains(.skipMonitor) || command.pointee.flags.contains(.admin) { return }
        let line = monitorLine(arguments, connection)
        for mailbox in shared.mailboxes { mailbox.post(.monitorLine(line)) }
    }

    private func monitorLine(_ arguments: Arguments, _ connection: UnsafeMutablePointer<Connection>) -> [UInt8] {
        let micros = SystemClock.wallMicroseconds
        var line = ByteBuffer(capacity: 256)
        line.append("+")
        line.append(decimal: micros / 1_000_000)
        line.append(".")
        let fraction = micros % 1_000_000
        for digit in [100_000, 10_000, 1_000, 100, 10, 1] as [Int64] {
            line.append(48 + UInt8(fraction / digit % 10))
        }
        line.append(" [")
        line.append(decimal: connection.session.pointee.database)
        line.append(" ")
        line.append(connection.pointee.address)
        line.append("]")
        for index in 0..<arguments.count {
            line.append(" ")
            line.append(quoted: arguments[index])
        }
        line.append("\r\n")
        return line.array
    }

    func deliver(_ line: [UInt8]) {
        for slot in monitors {
            guard let connection = connections[slot], !connection.pointee.closesAfterReply else { continue }
            connection.reply.pointee.buffer.append(line)
            schedule(slot, connection)
        }
    }
}

extension ByteBuffer {
    /// Bytes in double quotes, the unprintable ones escaped as redis-cli shows them.
    mutating func append(quoted bytes: ByteView) {
        let hex: StaticString = "0123456789abcdef"
        append("\"")
        for index in 0..<bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\""): append("\\\"")
            case 10: append("\\n")
            case 13: append("\\r")
            case 9: append("\\t")
            case 7: append("\\a")
            case 8: append("\\b")
            case 32..<127: append(byte)
            default:
                append("\\x")
                append(hex.utf8Start[Int(byte >> 4)])
                append(hex.utf8Start[Int(byte & 15)])
            }
        }
        append("\"")
    }
}
