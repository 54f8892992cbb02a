/// How links come about: dialled one address after the other, or accepted on the peer port.
import Base
import Core
import OS
import Replication
import Synchronization

extension PeerThread where Machine: ~Copyable {
    private static var dialMillisecondsMax: Int64 { 5000 }
    /// A name server that does not answer takes the system five seconds, and there may be several.
    private static var resolveMillisecondsMax: Int64 { 30_000 }
    private static var deafMilliseconds: Int64 { 100 }
    private static var keepAliveSeconds: Int { 15 }
    /// Sent and not acknowledged by the other system for so long: it is gone.
    private static var userTimeoutMilliseconds: Int { 15_000 }
    /// Far beyond 254 peers with two links each: strangers that say nothing take no more.
    private static var linksMax: Int { 1024 }

    private func newLink() -> Int {
        defer { nextLink += 1 }
        return nextLink
    }

    // MARK: Dialling

    func dial(_ target: Int, _ address: PeerAddress) {
        let link = newLink()
        var dial = PeerSocket.Dial(
            target: target, address: address, untilMilliseconds: now.monotonicMilliseconds + Self.dialMillisecondsMax)
        // A number needs nobody to be asked.
        let port = UInt16(truncatingIfNeeded: address.port)
        let numbers = try? SocketAddress.resolve(address.host, port: port, numbersOnly: true)
        dial.candidates = numbers ?? []
        dial.failure = "\(address.host) is still being resolved"
        let socket = PeerSocket(link: link, descriptor: -1, state: .dialling(dial), address: address.description)
        sockets[link] = socket
        if numbers != nil { return connectNext(socket, dial) }
        dial.untilMilliseconds += Self.resolveMillisecondsMax
        socket.state = .dialling(dial)
        resolver.ask(link: link, address)
    }

    func resolved(_ link: Int, _ addresses: [SocketAddress], _ failure: String?) {
        guard let socket = sockets[link], case .dialling(var dial) = socket.state else { return }
        dial.candidates = addresses
        dial.untilMilliseconds = now.monotonicMilliseconds + Self.dialMillisecondsMax
        dial.failure = "\(dial.address.host) has no address"
        if let failure { dial.failure = failure }
        connectNext(socket, dial)
    }

    /// Begins with the next address that there is and that may be dialled.
    private func connectNext(_ socket: PeerSocket, _ dial: PeerSocket.Dial) {
        var dial = dial
        socket.closeDescriptor()
        while !dial.candidates.isEmpty {
            let candidate = dial.candidates.removeFirst()
            // A name may lead elsewhere today than when the settings were checked, and members name others.
            guard options.allowsOutside || candidate.isLoopback else {
                dial.failure = "\(candidate) is another machine: add --peer-secret-file FILE and --peer-plaintext"
                continue
            }
            do throws(SystemError) {
                socket.descriptor = try candidate.beginConnecting()
                dial.failure = "cannot connect to \(candidate): no answer"
                socket.state = .dialling(dial)
                try poller.add(socket.descriptor, token: UInt64(socket.link))
                return
            } catch {
                socket.closeDescriptor()
                dial.failure = error.description
            }
        }
        failDial(socket, dial)
    }

    private func failDial(_ socket: PeerSocket, _ dial: PeerSocket.Dial) {
        sockets[socket.link] = nil
        socket.closeDescriptor()
        machine.dialFailed(target: dial.target, reason: dial.failure, now)
        needsTurn = true
    }

    /// The poller has reported a socket that was connecting.
    func concludeConnecting(_ socket: PeerSocket) {
        guard case .dialling(var dial) = socket.state, socket.descriptor >= 0 else { return }
        let error = Socket.pendingError(socket.descriptor)
        let address = Socket.peerAddress(socket.descriptor)
        if error == 0, address.isEmpty { return }
        if error != 0 {
            dial.failure = SystemError(operation: "connect to \(dial.address)", errno: -error).description
            return connectNext(socket, dial)
        }
        // Where nobody listens on a port of the range that outgoing connections get, one may meet itself.
        if address == Socket.localAddress(socket.descriptor) {
            dial.failure = "cannot connect to \(dial.address): nobody listens there"
            return connectNext(socket, dial)
        }
        socket.address = address
        open(socket)
        machine.dialled(target: dial.target, link: socket.link, now)
    }

    func giveUpDialling(_ socket: PeerSocket, _ dial: PeerSocket.Dial) { failDial(socket, dial) }

    private func open(_ socket: PeerSocket) {
        Socket.setNoDelay(socket.descriptor)
        Socket.setKeepAlive(socket.descriptor, seconds: Self.keepAliveSeconds)
        Socket.setUserTimeout(socket.descriptor, milliseconds: Self.userTimeoutMilliseconds)
        socket.state = .open
        socket.hasRoom = true
        socket.mayHaveInput = true
        post.linkCount.add(1, ordering: .relaxed)
        needsTurn = true
    }

    // MARK: Accepting

    func listen() throws(SystemError) {
        for (position, listener) in listeners.enumerated() {
            try poller.addLevelTriggered(listener, token: Self.listenerTokenFirst + UInt64(position))
        }
    }

    func accept(_ listener: Int32) {
        while true {
            let descriptor = Socket.accept(listener)
            if descriptor < 0 {
                let isOrdinary = [Refusal.wouldBlock, Refusal.connectionAborted].contains(Int(descriptor))
                if !isOrdinary { rest(SystemError(operation: "accept", errno: -descriptor)) }
                return
            }
            guard sockets.count < Self.linksMax else {
                refuse(Socket.peerAddress(descriptor), "there are \(Self.linksMax) already")
                Socket.close(descriptor)
                continue
            }
            let link = newLink()
            let socket = PeerSocket(
                link: link, descriptor: descriptor, state: .open, address: Socket.peerAddress(descriptor))
            do throws(SystemError) { try poller.add(descriptor, token: UInt64(link)) } catch {
                refuse(socket.address, error.description)
                continue
            }
            sockets[link] = socket
            open(socket)
            machine.accepted(link: link, from: socket.address, now)
        }
    }

    private func refuse(_ address: String, _ reason: String) {
        guard let withheld = refusals.note(nowMilliseconds: now.monotonicMilliseconds) else { return }
        shared.logger.warning(
            "peer connection refused",
            ["address": .text(address), "reason": .text(reason), "refused-before": .number(withheld)])
    }

    /// A listener that cannot be served would report for ever: for a moment nobody is listened to.
    private func rest(_ failure: SystemError) {
        refuse("unknown", failure.description)
        for listener in listeners { poller.remove(listener) }
        deafUntilMilliseconds = now.monotonicMilliseconds + Self.deafMilliseconds
    }

    func listenAgain() {
        deafUntilMilliseconds = nil
        do throws(SystemError) { try listen() } catch { rest(error) }
    }

    func closeListeners() {
        deafUntilMilliseconds = nil
        for listener in listeners { poller.remove(listener) }
    }
}
