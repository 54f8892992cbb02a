/// What commands ask of the process: other clients, the pause, monitors, timers, the end.
import Base
import Commands
import Core
import Engine
import OS
import RESP
import Synchronization

extension EventLoop {
    var monotonicMicroseconds: Int64 { SystemClock.monotonicNanoseconds / 1000 }

    func serve(_ request: HostRequest, _ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        let reply = connection.reply
        switch request {
        case .clientList(let filter): gather(.list(filter), slot, connection)
        case .clientKill(let filter, let repliesCount):
            gather(.kill(filter, repliesCount: repliesCount), slot, connection)
        case .clientUnblock(let id, let withError):
            gather(.unblock(id: id, withError: withError), slot, connection)
        case .clientPause(let milliseconds, let writesOnly):
            let (until, overflow) = steadyMilliseconds.addingReportingOverflow(milliseconds)
            // A shorter pause does not cut a longer one, as in Redis.
            shared.pausesWritesOnly.store(writesOnly, ordering: .relaxed)
            _ = shared.pausedUntil.max(overflow ? .max : until, ordering: .relaxed)
            reply.pointee.ok()
        case .clientUnpause:
            shared.pausedUntil.store(0, ordering: .relaxed)
            for mailbox in shared.mailboxes { mailbox.post(.resumePaused) }
            reply.pointee.ok()
        case .monitor:
            if !connection.session.pointee.isMonitor {
                connection.session.pointee.isMonitor = true
                connection.session.pointee.refreshNeedsCare()
                monitors.append(slot)
                shared.monitorCount.add(1, ordering: .relaxed)
            }
            reply.pointee.ok()
        case .endMonitor:
            executor.unwatch(connection.session)
            monitors.removeAll { $0 == slot }
            shared.monitorCount.subtract(1, ordering: .relaxed)
        case .sleep(let milliseconds):
            let until = steadyMilliseconds + Int64(milliseconds)
            hold(slot, connection, .timer(untilMilliseconds: until))
        case .waitForPeers(let request): wait(request, slot, connection)
        case .peers(let request):
            shared.peers.post(.request(request))
            reply.pointee.ok()
        case .save(let kind): save(kind, slot, connection)
        case .shutdown(let mode): shutdown(mode, connection)
        case .rewriteConfiguration:
            hold(slot, connection, .gathering)
            shared.requestRewrite(ClientAddress(loop: index, slot: slot, client: connection.session.pointee.id))
        }
    }

    /// A client that waited for something done elsewhere.
    private func conclude(_ asker: ClientAddress, _ failure: String?) {
        guard let connection = connections[asker.slot], connection.session.pointee.id == asker.client,
            connection.pointee.isAsking
        else { return }
        if let failure {
            connection.reply.pointee.error(failure)
        } else {
            connection.reply.pointee.ok()
        }
        letGo(asker.slot, connection)
    }

    private func save(_ kind: SaveRequest, _ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        var asker: ClientAddress?
        if case .andWait = kind {
            hold(slot, connection, .gathering)
            asker = ClientAddress(loop: index, slot: slot, client: connection.session.pointee.id)
        }
        shared.log?.snapshots.ask(for: asker)
    }

    private func shutdown(_ mode: ShutdownMode, _ connection: UnsafeMutablePointer<Connection>) {
        // One that has begun takes no commands any more, so there is never one to take back.
        if mode.isAbort {
            connection.reply.pointee.error("ERR No shutdown in progress.")
            return
        }
        connection.pointee.closesAfterReply = true
        shared.stop.ask(
            mode.isImmediate ? .immediate : .graceful, reason: "SHUTDOWN by client \(connection.pointee.address)")
    }

    // MARK: Mail

    func readMail() {
        for message in shared.mailboxes[index].takeAll() {
            switch message {
            case .adopt(let descriptor, let client): adopt(descriptor, client)
            case .gather(let gathering): answer(gathering)
            case .gathered(let gathering): conclude(gathering)
            case .monitorLine(let line): deliver(line)
            case .resumePaused: resumePaused()
            case .reloadLimits:
                limits = shared.limits
                parserLimits = ParserLimits(bulkBytesMax: limits.bulkBytesMax)
            case .configurationRewritten(let asker, let failure): conclude(asker, failure)
            case .peersAcknowledged: lookAfterHeld()
            case .logDurable: break  // Every turn looks at its end.
            case .saved(let asker, let failure): conclude(asker, failure)
            case .drain: drain()
            }
        }
    }

    func resumePaused() {
        lookAtLog()
        for slot in held {
            guard let connection = connections[slot], case .paused = connection.pointee.hold else { continue }
            letGo(slot, connection)
        }
    }

    /// Everything that has arrived is executed and answered; then the connections close.
    private func drain() {
        isStopping = true
        for (slot, place) in connections.slots.enumerated() {
            guard let connection = place else { continue }
            connection.pointee.isWithheld = false
            receive(slot, connection)
            execute(slot, connection)
            connection.pointee.closesAfterReply = true
            schedule(slot, connection)
        }
        flushScheduled()
        closeDoomed()
    }
}
