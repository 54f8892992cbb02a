/// Questions that all loops answer: CLIENT LIST, CLIENT KILL, CLIENT UNBLOCK.
import Base
import Commands
import Core
import Engine
import RESP

extension EventLoop {
    func gather(
        _ question: Gathering.Question, _ slot: Int, _ connection: UnsafeMutablePointer<Connection>
    ) {
        let gathering = Gathering(
            question, asker: ClientAddress(loop: index, slot: slot, client: connection.session.pointee.id),
            loopCount: shared.mailboxes.count)
        hold(slot, connection, .gathering)
        for mailbox in shared.mailboxes { mailbox.post(.gather(gathering)) }
    }

    /// This loop's part of the answer.
    func answer(_ gathering: Gathering) {
        var lines: [(UInt64, String)] = []
        var count = 0
        for (slot, place) in connections.slots.enumerated() {
            guard let connection = place else { continue }
            switch gathering.question {
            case .list(let filter):
                if matches(connection, filter, asker: gathering.asker.client) {
                    lines.append((connection.session.pointee.id, clientLine(connection)))
                }
            case .kill(let filter, _):
                guard matches(connection, filter, asker: gathering.asker.client) else { continue }
                count += 1
                kill(slot, connection, isAsker: connection.session.pointee.id == gathering.asker.client)
            case .unblock(let id, let withError):
                if connection.session.pointee.id == id, unblock(slot, connection, withError) { count += 1 }
            }
        }
        if gathering.add(lines, count: count) { shared.mailboxes[gathering.asker.loop].post(.gathered(gathering)) }
    }

    private func kill(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>, isAsker: Bool) {
        if isAsker {
            connection.pointee.closesAfterReply = true
        } else {
            connection.reply.pointee.removeAll { Connection.release($0) }
            connection.pointee.closesAfterReply = true
            schedule(slot, connection)
        }
    }

    /// Only a client that waits for something to happen can be unblocked.
    private func unblock(
        _ slot: Int, _ connection: UnsafeMutablePointer<Connection>, _ withError: Bool
    ) -> Bool {
        guard case .peers(let wait) = connection.pointee.hold else { return false }
        if withError {
            connection.reply.pointee.error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
        } else {
            tell(wait, connection)
        }
        letGo(slot, connection)
        return true
    }

    /// Back at the asker: writes the reply and lets the client go on.
    func conclude(_ gathering: Gathering) {
        let asker = gathering.asker
        guard let connection = connections[asker.slot], connection.session.pointee.id == asker.client else {
            return
        }
        let reply = connection.reply
        let answers = gathering.result
        switch gathering.question {
        case .list(let filter):
            var text = ""
            for (_, line) in answers.lines.sorted(by: { $0.client < $1.client }) { text += line + "\n" }
            let protocolVersion = reply.pointee.protocolVersion
            reply.pointee.protocolVersion = filter.protocolVersion
            Array(text.utf8).withView { reply.pointee.verbatim("txt", $0) }
            reply.pointee.protocolVersion = protocolVersion
        case .kill(_, let repliesCount):
            if repliesCount {
                reply.pointee.integer(answers.count)
            } else if answers.count > 0 {
                reply.pointee.ok()
            } else {
                reply.pointee.error("ERR No such client")
            }
        case .unblock: reply.pointee.integer(answers.count > 0 ? 1 : 0)
        }
        letGo(asker.slot, connection)
    }

    private func matches(
        _ connection: UnsafeMutablePointer<Connection>, _ filter: ClientFilter, asker: UInt64
    ) -> Bool {
        let session = connection.session
        if let ids = filter.ids, !ids.contains(session.pointee.id) { return false }
        if filter.skipsCaller, session.pointee.id == asker { return false }
        if let type = filter.type, type != .normal { return false }
        if let address = filter.address, address != Array(connection.pointee.address.utf8) { return false }
        if let local = filter.localAddress, local != Array(connection.pointee.localAddress.utf8) { return false }
        if let user = filter.user, user != Array("default".utf8) { return false }
        if let age = filter.ageSecondsMin {
            let milliseconds = steadyMilliseconds - connection.pointee.createdMilliseconds
            if milliseconds / 1000 < age { return false }
        }
        return true
    }

    /// One line of CLIENT LIST, field by field as Redis 7.2 writes them.
    func clientLine(_ connection: UnsafeMutablePointer<Connection>) -> String {
        let session = connection.session
        let now = steadyMilliseconds
        let age = (now - connection.pointee.createdMilliseconds) / 1000
        let idle = (now - connection.pointee.lastActiveMilliseconds) / 1000
        var flags = ""
        if session.pointee.isMonitor { flags += "O" }
        if session.pointee.transaction != nil { flags += "x" }
        if connection.pointee.isHeld, !connection.pointee.isAsking { flags += "b" }
        if connection.pointee.closesAfterReply { flags += "c" }
        if session.pointee.isNoEvict { flags += "e" }
        if session.pointee.isNoTouch { flags += "T" }
        if flags.isEmpty { flags = "N" }
        let queued = session.pointee.transaction?.queue.count ?? -1
        let query = connection.pointee.query.count
        let queryFree = connection.pointee.query.capacity - query
        let output = connection.reply.pointee.outputBytes
        let command = connection.pointee.lastCommand?.pointee.fullName ?? "NULL"
        return "id=\(session.pointee.id) addr=\(connection.pointee.address) laddr=\(connection.pointee.localAddress)"
            + " fd=\(connection.pointee.descriptor) name=\(String(decoding: session.pointee.name, as: UTF8.self))"
            + " age=\(age) idle=\(idle) flags=\(flags) db=\(session.pointee.database) sub=0 psub=0 ssub=0"
            + " multi=\(queued) qbuf=\(query) qbuf-free=\(queryFree) argv-mem=0"
            + " multi-mem=\(session.pointee.transaction?.queuedBytes ?? 0)"
            + " rbs=\(connection.reply.pointee.buffer.capacity) rbp=0 obl=\(output) oll=0 omem=0"
            + " tot-mem=\(connection.pointee.memoryBytes) events=\(output > 0 ? "rw" : "r") cmd=\(command) user=default redir=-1"
            + " resp=\(connection.reply.pointee.protocolVersion)"
            + " lib-name=\(String(decoding: session.pointee.libraryName, as: UTF8.self))"
            + " lib-ver=\(String(decoding: session.pointee.libraryVersion, as: UTF8.self))"
    }
}
