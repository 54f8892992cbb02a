/// What is checked before a command runs, in Redis' order: does it exist, has it the right arguments, may
/// this client call it, is there memory, is it to be queued.
import Base
import Commands
import Engine
import RESP
import Synchronization

extension Executor {
    /// A command that is not known to be plain. Returns what remains to be done.
    public mutating func dispatch(
        _ found: Command.Reference?, _ arguments: Arguments, reply: UnsafeMutablePointer<ReplyWriter>,
        session: UnsafeMutablePointer<Session>
    ) -> Effect {
        hasAdmitted = false
        guard let found else {
            if Self.isForeign(arguments[0]) { return .close }
            return reject(.unknownCommand(arguments), nil, reply, session)
        }
        let command = CommandTable.shared.resolve(found, arguments)
        if command.pointee.isContainer, arguments.count > 1 {
            return reject(.unknownSubcommand(command.pointee, arguments), command, reply, session)
        }
        guard command.pointee.accepts(argumentCount: arguments.count) else {
            return reject(.wrongArity(command.pointee.fullName), command, reply, session)
        }
        guard session.pointee.isAuthenticated || command.pointee.flags.contains(.noAuth) else {
            return reject(.authenticationRequired, command, reply, session)
        }
        if command.pointee.flags.contains(.protected), !node.allowsDebugging(session.pointee) {
            return reject(.debuggingRefused, command, reply, session)
        }
        if !node.admitsWritesPlainly, let gate = node.writeGate ?? node.diskGate, writes(command, session) {
            return reject(.built(gate.text), command, reply, session)
        }
        if command.pointee.flags.contains(.denyOutOfMemory), isOutOfMemory() {
            node.countRefusedWrite()
            return reject(.outOfMemory, command, reply, session)
        }
        if let transaction = session.pointee.transaction, !command.pointee.flags.contains(.notQueued) {
            if command.pointee.flags.contains(.noMulti) {
                return reject(.notInTransaction, command, reply, session)
            }
            hasAdmitted = true
            transaction.append(command, arguments)
            reply.pointee.queued()
            return .none
        }
        hasAdmitted = true
        context.pointee.leavesAccessAlone = session.pointee.isNoTouch && !command.pointee.name.isWord("touch")
        defer { context.pointee.leavesAccessAlone = false }
        return run(command, arguments, reply: reply, session: session)
    }

    /// Runs an admitted command, and what its handler leaves to be done as far as Core can do it.
    mutating func run(
        _ command: Command.Reference, _ arguments: Arguments, reply: UnsafeMutablePointer<ReplyWriter>,
        session: UnsafeMutablePointer<Session>
    ) -> Effect {
        let effect = runKeyed(command, arguments, reply: reply, session: session)
        switch effect {
        case .exec: return runTransaction(command, arguments, reply: reply, session: session)
        case .watch: return watch(arguments, reply: reply, session: session)
        case .unwatch:
            unwatch(session)
            return .none
        default: return effect
        }
    }

    /// Whether the command writes, or what was queued and is to run now does.
    private func writes(_ command: Command.Reference, _ session: UnsafeMutablePointer<Session>) -> Bool {
        if command.pointee.flags.contains(.write) { return true }
        return command.pointee.name.isWord("exec") && session.pointee.transaction?.hasWrites == true
    }

    private mutating func reject(
        _ error: CommandError, _ command: Command.Reference?, _ reply: UnsafeMutablePointer<ReplyWriter>,
        _ session: UnsafeMutablePointer<Session>
    ) -> Effect {
        if let command { statistics.countRejected(command.pointee.index) }
        if let command, command.pointee.name.isWord("exec") {
            session.pointee.transaction = nil
            session.pointee.refreshNeedsCare()
            unwatch(session)
            let prefix = Array("EXECABORT Transaction discarded because of: ".utf8)
            refuse(.bytes(prefix + error.text.drop { $0 == UInt8(ascii: "-") }), reply)
            return .none
        }
        session.pointee.transaction?.isBroken = true
        refuse(error, reply)
        return .none
    }

    /// A browser or a script made to speak HTTP to a database: nobody who means well sends these.
    private static func isForeign(_ name: ByteView) -> Bool {
        name.equalsIgnoringCase("post") || name.equalsIgnoringCase("host:")
    }

    /// Whether a plain command with one key may take the short path now.
    @inline(__always)
    public func admitsPlainly(_ command: Command.Reference, _ session: UnsafeMutablePointer<Session>) -> Bool {
        !session.pointee.needsCare
            && (node.admitsWritesPlainly || !command.pointee.flags.contains(.write))
    }
}

extension StaticString {
    fileprivate func isWord(_ word: StaticString) -> Bool { ByteView(self).equalsIgnoringCase(word) }
}
