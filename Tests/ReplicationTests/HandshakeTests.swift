/// Two nodes introduce themselves; strangers, copies, echoes and recordings get nowhere.
import Base
import Testing

@testable import Replication

private func identity(
    _ node: UInt8, cluster: String = "c", incarnation: UInt128? = nil, generation: UInt8 = 0, port: Int? = nil
) throws -> PeerIdentity {
    PeerIdentity(
        cluster: cluster, replica: Replica(node: node, generation: generation),
        incarnation: incarnation ?? UInt128(node) * 1000, name: "n\(node)", region: "r",
        address: try PeerAddress(host: "host\(node)", port: port ?? 16379))
}

private let secret = Array("a secret of the cluster".utf8)

private func dialler(
    _ identity: PeerIdentity, secret: [UInt8] = secret, nonce: UInt128 = 11, isUnsure: Bool = false,
    protocols: ClosedRange<UInt8> = 1...1
) -> Handshake {
    Handshake(
        .dialler, identity: identity, secret: secret, nonce: nonce, isUnsure: isUnsure, protocols: protocols)
}

private func acceptor(
    _ identity: PeerIdentity, secret: [UInt8] = secret, nonce: UInt128 = 22, protocols: ClosedRange<UInt8> = 1...1
) -> Handshake {
    Handshake(.acceptor, identity: identity, secret: secret, nonce: nonce, protocols: protocols)
}

/// Through bytes and back, as on a link.
private func carried(_ message: LinkMessage) -> LinkMessage? {
    var buffer = ByteBuffer()
    buffer.append(message)
    return try? LinkMessage.decode(buffer.view, bytesMax: MessageEnvelope.bytesMaxBeforeHandshake)?.message
}

private struct Ending {
    var dialler: HandshakeStep?
    var acceptor: HandshakeStep?

    var refusal: Refusal? {
        for case .refused(let refusal, _, _) in [dialler, acceptor] { return refusal }
        return nil
    }
}

/// Lets the two talk until neither has anything to say.
private func run(
    _ dialler: inout Handshake, _ acceptor: inout Handshake, diallerFacts: HandshakeFacts = HandshakeFacts(),
    acceptorFacts: HandshakeFacts = HandshakeFacts()
) -> Ending {
    var ending = Ending()
    var message = dialler.start()
    var isAcceptorsTurn = true
    while let current = message.flatMap(carried) {
        let step = isAcceptorsTurn ? acceptor.receive(current, acceptorFacts) : dialler.receive(current, diallerFacts)
        switch step {
        case .send(let next): message = next
        case .established(_, let next), .refused(_, _, let next):
            if isAcceptorsTurn { ending.acceptor = step } else { ending.dialler = step }
            message = next
        }
        isAcceptorsTurn.toggle()
    }
    return ending
}

private func refusal(_ step: HandshakeStep) -> Refusal? {
    if case .refused(let refusal, _, _) = step { refusal } else { nil }
}

private func sent(_ step: HandshakeStep) -> LinkMessage? {
    switch step {
    case .send(let message): message
    case .established(_, let message), .refused(_, _, let message): message
    }
}

private func started(_ handshake: inout Handshake) throws -> LinkMessage {
    let hello = handshake.start()
    return try #require(hello)
}

private func answer(_ handshake: inout Handshake, _ message: LinkMessage) throws -> LinkMessage {
    let step = handshake.receive(message, HandshakeFacts())
    return try #require(sent(step))
}

@Suite struct HandshakeTests {
    @Test("Two nodes of a cluster agree, with a secret and without", arguments: [[], secret])
    func agreement(_ secret: [UInt8]) throws {
        let (one, two) = (try identity(1), try identity(2))
        var dialling = dialler(one, secret: secret)
        var accepting = acceptor(two, secret: secret)
        let facts = HandshakeFacts(resumePoints: [
            .init(two.replica, incarnation: two.incarnation, position: 5),
            .init(one.replica, incarnation: one.incarnation + 1, position: 6),
            .init(one.replica, incarnation: one.incarnation, position: 7),
        ])
        let ending = run(&dialling, &accepting, acceptorFacts: facts)
        let ofOne = EstablishedPeer(identity: one, protocolVersion: 1, resume: 7)
        let ofTwo = EstablishedPeer(identity: two, protocolVersion: 1, resume: 7)
        #expect(ending.acceptor == .established(ofOne, send: .welcome(resume: 7)))
        #expect(ending.dialler == .established(ofTwo, send: nil))
        #expect(dialling.isOver && accepting.isOver)
    }

    @Test("A position in the window of another incarnation is none")
    func otherIncarnation() throws {
        let one = try identity(1)
        var dialling = dialler(one)
        var accepting = acceptor(try identity(2))
        let facts = HandshakeFacts(resumePoints: [.init(one.replica, incarnation: one.incarnation + 1, position: 6)])
        guard case .established(let peer, _) = run(&dialling, &accepting, acceptorFacts: facts).dialler else {
            Issue.record("not established")
            return
        }
        #expect(peer.resume == nil)
    }

    @Test(
        "The highest version that both speak", arguments: [(1...1, 1...1, 1), (1...2, 2...3, 2), (2...3, 1...9, 3)])
    func versions(_ dialled: ClosedRange<Int>, _ accepted: ClosedRange<Int>, _ expected: UInt8) throws {
        func range(_ range: ClosedRange<Int>) -> ClosedRange<UInt8> {
            UInt8(range.lowerBound)...UInt8(range.upperBound)
        }
        var dialling = dialler(try identity(1), protocols: range(dialled))
        var accepting = acceptor(try identity(2), protocols: range(accepted))
        guard case .established(let peer, _) = run(&dialling, &accepting).dialler else {
            Issue.record("not established")
            return
        }
        #expect(peer.protocolVersion == expected)
    }

    @Test("No version in common names both ranges, on both sides")
    func noCommonVersion() throws {
        var dialling = dialler(try identity(1), protocols: 1...2)
        var accepting = acceptor(try identity(2), protocols: 3...3)
        let ending = run(&dialling, &accepting)
        let text =
            "node 1 (n1) at host1:16379 speaks peer protocol 1 to 2, node 2 (n2) at host2:16379 speaks 3: "
            + "upgrade the older one"
        let expected = Refusal(.protocolVersion, text)
        #expect(ending.acceptor == .refused(expected, isTheirs: false, send: .refuse(expected)))
        #expect(ending.dialler == .refused(expected, isTheirs: true, send: nil))
    }

    @Test("Who is unsure of its name is refused where another incarnation had it, unless that name is free again")
    func unsure() throws {
        let (one, two) = (try identity(1), try identity(2))
        var former = one
        former.incarnation += 1
        var table = MemberTable()
        table.admit(former)
        func isRefused(isUnsure: Bool) -> Bool {
            var dialling = dialler(one, isUnsure: isUnsure)
            var accepting = acceptor(two)
            let ending = run(&dialling, &accepting, acceptorFacts: HandshakeFacts(table: table))
            if case .refused(let refusal, _, _) = ending.acceptor { return refusal.code == .otherHistory }
            return false
        }
        #expect(isRefused(isUnsure: true) && !isRefused(isUnsure: false))
        former.incarnation += 1
        table.admit(former)
        table.leave(one.replica)
        #expect(isRefused(isUnsure: true))
        table.close(one.replica)
        #expect(!isRefused(isUnsure: true))
    }

    @Test("An acceptor cannot talk a dialler into a version it does not speak")
    func forcedVersion() throws {
        let (one, two) = (try identity(1), try identity(2))
        var dialling = dialler(one, secret: [], protocols: 2...2)
        _ = dialling.start()
        let step = dialling.receive(
            .challenge(Challenge(protocolVersion: 1, identity: two, nonce: 1, proof: [])), HandshakeFacts())
        #expect(refusal(step)?.code == .protocolVersion)
    }

    @Test("Another cluster is named")
    func otherCluster() throws {
        var dialling = dialler(try identity(1, cluster: "blue"))
        var accepting = acceptor(try identity(2, cluster: "green"))
        let refusal = run(&dialling, &accepting).refusal
        #expect(refusal?.code == .otherCluster)
        #expect(refusal?.text.contains("'blue'") == true && refusal?.text.contains("'green'") == true)
        // The dialler looks for itself, too.
        var another = dialler(try identity(1, cluster: "blue"), secret: [])
        _ = another.start()
        let challenge = Challenge(protocolVersion: 1, identity: try identity(2, cluster: "green"), nonce: 1, proof: [])
        #expect(Self.code(another.receive(.challenge(challenge), HandshakeFacts())) == .otherCluster)
    }

    private static func code(_ step: HandshakeStep) -> RefusalCode? { refusal(step)?.code }

    // MARK: Secrets

    @Test(
        "A wrong or missing secret is refused, and never told",
        arguments: [
            ("first secret", "second secret", RefusalCode.secretWrong), ("first secret", "", .secretMissing),
            ("", "second secret", .secretMissing), ("first secret", "first secreT", .secretWrong),
        ])
    func secrets(_ first: String, _ second: String, _ code: RefusalCode) throws {
        var dialling = dialler(try identity(1), secret: Array(first.utf8))
        var accepting = acceptor(try identity(2), secret: Array(second.utf8))
        let ending = run(&dialling, &accepting)
        let refusal = try #require(ending.refusal)
        #expect(refusal.code == code)
        #expect(refusal.text.contains("--peer-secret-file"))
        #expect(refusal.text.contains("n1") && refusal.text.contains("n2") || code == .secretMissing)
        for secret in [first, second] where !secret.isEmpty { #expect(!refusal.text.contains(secret)) }
        guard case .refused = ending.dialler, case .refused = ending.acceptor else {
            Issue.record("one side took it: \(ending)")
            return
        }
    }

    @Test("Who has no secret where one is needed, or one where none is, gets no proof to try guesses on")
    func noChallenge() throws {
        for (first, second) in [(secret, []), ([], secret)] {
            var dialling = dialler(try identity(1), secret: first)
            var accepting = acceptor(try identity(2), secret: second)
            let step = accepting.receive(try started(&dialling), HandshakeFacts())
            #expect(Self.code(step) == .secretMissing)
            let lacks = first.isEmpty ? "node 1 (n1) at host1:16379 has no" : "node 2 (n2) at host2:16379 has no"
            #expect(refusal(step)?.text.hasPrefix(lacks) == true)
        }
    }

    @Test("An acceptor that does not know the secret is found out, whatever proof it makes up")
    func falseAcceptor() throws {
        let two = try identity(2)
        let proofs: [[UInt8]] = [[], [0], [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 64)]
        for proof in proofs {
            var dialling = dialler(try identity(1))
            _ = dialling.start()
            let challenge = Challenge(protocolVersion: 1, identity: two, nonce: 22, proof: proof)
            let step = dialling.receive(.challenge(challenge), HandshakeFacts())
            #expect(Self.code(step) == (proof.isEmpty ? .secretMissing : .secretWrong))
            #expect(dialling.isOver)
        }
    }

    @Test("A dialler without the secret does not get in with a made-up proof")
    func falseDialler() throws {
        for proof: [UInt8] in [[], [0], [UInt8](repeating: 0, count: 32)] {
            var accepting = acceptor(try identity(2))
            var honest = dialler(try identity(1))
            let hello = try started(&honest)
            guard case .send(.challenge(let challenge)) = accepting.receive(hello, HandshakeFacts()) else {
                Issue.record("no challenge")
                return
            }
            // Not even with the acceptor's own proof sent back.
            var copy = accepting
            #expect(Self.code(accepting.receive(.proof(proof), HandshakeFacts())) == .secretWrong)
            #expect(Self.code(copy.receive(.proof(challenge.proof), HandshakeFacts())) == .secretWrong)
        }
    }

    @Test("What was recorded of one handshake is worth nothing in the next")
    func replay() throws {
        let (one, two) = (try identity(1), try identity(2))
        var dialling = dialler(one)
        var accepting = acceptor(two)
        let hello = try started(&dialling)
        let challenge = try answer(&accepting, hello)
        let proof = try answer(&dialling, challenge)
        guard case .established = accepting.receive(proof, HandshakeFacts()) else {
            Issue.record("not established")
            return
        }
        // The dialler's part, played back to an acceptor with a fresh nonce.
        var second = acceptor(two, nonce: 23)
        _ = second.receive(hello, HandshakeFacts())
        #expect(Self.code(second.receive(proof, HandshakeFacts())) == .secretWrong)
        // The acceptor's part, played back to a dialler with a fresh nonce.
        var third = dialler(one, nonce: 12)
        _ = third.start()
        #expect(Self.code(third.receive(challenge, HandshakeFacts())) == .secretWrong)
    }

    @Test("A dialler's messages sent back to it, and its proof had from another link, are worth nothing")
    func reflection() throws {
        let (one, two) = (try identity(1), try identity(2))
        // Whoever sits on the line sends the hello back on a connection of his own: it is the node's own.
        var dialling = dialler(one)
        let hello = try started(&dialling)
        var own = acceptor(one, nonce: 33)
        #expect(Self.code(own.receive(hello, HandshakeFacts())) == .oneself)
        // Under another name it gets a challenge, but the proof in that is over other identities.
        var disguised = Hello(lowestProtocol: 1, highestProtocol: 1, identity: two, nonce: 11, hasSecret: true)
        var oracle = acceptor(one, nonce: 33)
        guard case .send(.challenge(var challenge)) = oracle.receive(.hello(disguised), HandshakeFacts()) else {
            Issue.record("no challenge")
            return
        }
        challenge.identity = two
        #expect(Self.code(dialling.receive(.challenge(challenge), HandshakeFacts())) == .secretWrong)
        // Nor can the oracle's proof answer the oracle's own challenge.
        disguised.nonce = challenge.nonce
        #expect(Self.code(oracle.receive(.proof(challenge.proof), HandshakeFacts())) == .secretWrong)
    }

    @Test("Every field of the conversation is under the proof")
    func tampering() throws {
        let (one, two) = (try identity(1), try identity(2))
        let changes: [(inout Hello) throws -> Void] = [
            { $0.nonce ^= 1 }, { $0.identity.name = "n9" }, { $0.identity.region = "x" },
            { $0.identity.incarnation += 1 }, { $0.identity.replica = Replica(node: 9, generation: 0) },
            { $0.identity.address = try PeerAddress("elsewhere") }, { $0.highestProtocol = 2 },
            { $0.horizon = Stamp(rawValue: 1) }, { $0.isUnsure = true },
        ]
        for change in changes {
            var dialling = dialler(one)
            var accepting = acceptor(two)
            guard case .hello(var hello) = dialling.start() else { return }
            try change(&hello)
            let challenge = try answer(&accepting, .hello(hello))
            #expect(Self.code(dialling.receive(challenge, HandshakeFacts())) == .secretWrong)
        }
        let answers: [(inout Challenge) throws -> Void] = [
            { $0.nonce ^= 1 }, { $0.identity.name = "n9" }, { $0.identity.replica = Replica(node: 9, generation: 0) },
            { $0.identity.incarnation += 1 }, { $0.identity.address = try PeerAddress("elsewhere") },
            { $0.horizon = Stamp(rawValue: 1) }, { $0.isUnsure = true }, { $0.knowsDialler = true },
            { $0.proof[31] ^= 1 }, { $0.proof.removeLast() },
        ]
        for change in answers {
            var dialling = dialler(one)
            var accepting = acceptor(two)
            let hello = try started(&dialling)
            guard case .send(.challenge(var challenge)) = accepting.receive(hello, HandshakeFacts()) else { return }
            try change(&challenge)
            #expect(Self.code(dialling.receive(.challenge(challenge), HandshakeFacts())) == .secretWrong)
        }
    }

    // MARK: Who is who

    @Test("Two clusters stay two; who has no cluster yet, or is known to one of the two, comes in", arguments: 0..<5)
    func clusters(_ situation: Int) throws {
        let (one, two) = (try identity(1), try identity(2))
        let far = Stamp(rawValue: 1 << 40)
        var dialling = Handshake(
            .dialler, identity: one, secret: [], nonce: 1, horizon: situation == 1 ? .zero : far)
        var accepting = Handshake(
            .acceptor, identity: two, secret: [], nonce: 2, horizon: situation == 2 ? .zero : far)
        var table = MemberTable()
        table.admit(situation == 3 ? two : one)
        let knows = HandshakeFacts(table: table)
        let ending = run(
            &dialling, &accepting, diallerFacts: situation == 3 ? knows : HandshakeFacts(),
            acceptorFacts: situation == 4 ? knows : HandshakeFacts())
        #expect(ending.refusal?.code == (situation == 0 ? .otherHistory : nil))
        if case .established(let peer, _)? = ending.acceptor { #expect(peer.horizon.isZero == (situation == 1)) }
        // Another process of that name is not the one that was heard of.
        var stranger = one
        stranger.incarnation += 1
        #expect(!HandshakeFacts(table: table).knows(stranger))
    }

    @Test("Whom a cluster may be letting in keeps strangers waiting", arguments: [0, 1, 2, 3, 4])
    func waiting(situation: Int) throws {
        let (one, two) = (try identity(1), try identity(2))
        var facts = HandshakeFacts()
        facts.mayBeLetIn = situation > 0
        // Of one who has a cluster only another who has one is a reason to wait.
        facts.isBeingLetIn = situation == 4
        if situation == 2 { facts.table.admit(two) }
        var dialling = Handshake(.dialler, identity: one, secret: [], nonce: 1)
        var accepting = Handshake(
            .acceptor, identity: two, secret: [], nonce: 2, horizon: situation >= 3 ? Stamp(rawValue: 1 << 40) : .zero)
        #expect(!dialling.mayLetIn)
        let hello = try started(&dialling)
        // He has not said yet whether he has a cluster.
        #expect(dialling.mayLetIn)
        let challenge = try #require(sent(accepting.receive(hello, HandshakeFacts())))
        let step = dialling.receive(challenge, facts)
        #expect(refusal(step)?.code == (situation == 1 || situation == 4 ? .notYet : nil))
        #expect(dialling.mayLetIn == (situation == 3))
        #expect(dialling.isBeingLetIn == (situation == 3))
    }

    @Test("A node that dials itself finds out, and a copy of it does not pass for it")
    func oneself() throws {
        let one = try identity(1)
        var dialling = dialler(one)
        var accepting = acceptor(one)
        #expect(run(&dialling, &accepting).refusal?.code == .oneself)
        for copy in [try identity(1, port: 7), try identity(9, incarnation: one.incarnation)] {
            var dialling = dialler(copy)
            var accepting = acceptor(one)
            let refusal = run(&dialling, &accepting).refusal
            #expect(refusal?.code == .duplicateNode)
            #expect(refusal?.text.contains("copy of the data directory") == true)
        }
        var twin = dialler(try identity(1, incarnation: 77))
        var original = acceptor(one)
        let refusal = run(&twin, &original).refusal
        #expect(refusal?.code == .duplicateNode)
        #expect(refusal?.text.contains("--node-id") == true)
    }

    @Test("A node id belongs to whoever is connected with it")
    func duplicates() throws {
        let (one, two) = (try identity(1), try identity(2))
        let facts = HandshakeFacts(connected: [try identity(3), one])
        func ending(_ peer: PeerIdentity, dials: Bool) -> RefusalCode? {
            var dialling = dialler(dials ? peer : two)
            var accepting = acceptor(dials ? two : peer)
            return dials
                ? run(&dialling, &accepting, acceptorFacts: facts).refusal?.code
                : run(&dialling, &accepting, diallerFacts: facts).refusal?.code
        }
        for dials in [true, false] {
            // The same one again, also as its next generation: its old connection has died unnoticed.
            #expect(ending(one, dials: dials) == nil)
            #expect(ending(try identity(1, generation: 1), dials: dials) == nil)
            #expect(ending(try identity(1, incarnation: 5), dials: dials) == .duplicateNode)
            #expect(ending(try identity(1, incarnation: 5, generation: 2), dials: dials) == .duplicateNode)
            #expect(ending(try identity(1, port: 9), dials: dials) == .duplicateNode)
            #expect(ending(try identity(7, incarnation: one.incarnation), dials: dials) == .duplicateNode)
            #expect(ending(try identity(7), dials: dials) == nil)
        }
    }

    @Test("Who was expelled or has left is told how to come back, by either side")
    func gone() throws {
        let (one, two) = (try identity(1), try identity(2))
        var table = MemberTable()
        table.admit(one)
        table.expel(one.replica, cut: .zero, isForced: false)
        var dialling = dialler(one)
        var accepting = acceptor(two)
        let ending = run(&dialling, &accepting, acceptorFacts: HandshakeFacts(table: table))
        #expect(ending.refusal?.code == .expelled)
        #expect(ending.refusal?.text.contains("empty data directory") == true)
        guard case .refused(_, isTheirs: true, _) = ending.dialler else {
            Issue.record("the dialler was not told")
            return
        }
        var other = dialler(two)
        var expelled = acceptor(one)
        #expect(run(&other, &expelled, diallerFacts: HandshakeFacts(table: table)).refusal?.code == .expelled)
        // As another generation of itself it is not.
        var next = dialler(try identity(1, generation: 2))
        var refusing = acceptor(two)
        #expect(run(&next, &refusing, acceptorFacts: HandshakeFacts(table: table)).refusal?.code == .expelled)
        // With another incarnation it is welcome.
        var anew = dialler(try identity(1, incarnation: 8))
        var again = acceptor(two)
        #expect(run(&anew, &again, acceptorFacts: HandshakeFacts(table: table)).refusal == nil)
    }

    @Test("What a stranger claims has no effect before his proof")
    func claims() throws {
        let (one, two) = (try identity(1), try identity(2))
        var table = MemberTable()
        table.admit(one)
        table.expel(one.replica, cut: .zero, isForced: false)
        var stranger = dialler(one, secret: Array("guess".utf8))
        var accepting = acceptor(two)
        let hello = try started(&stranger)
        let facts = HandshakeFacts(table: table, connected: [one])
        _ = accepting.receive(hello, facts)
        #expect(Self.code(accepting.receive(.proof([UInt8](repeating: 1, count: 32)), facts)) == .secretWrong)
    }

    // MARK: Order

    @Test("Any message out of turn ends the handshake, also after its end")
    func outOfTurn() throws {
        let (one, two) = (try identity(1), try identity(2))
        var honestDialler = dialler(one)
        var honestAcceptor = acceptor(two)
        let hello = try started(&honestDialler)
        let second = honestDialler.start()
        #expect(second == nil)
        let challenge = try answer(&honestAcceptor, hello)
        let proof = try answer(&honestDialler, challenge)
        let welcome = LinkMessage.welcome(resume: 3)
        let others: [LinkMessage] = [
            .jumped(position: 1), .versionsRequest, .members([]), .heartbeat(Heartbeat(unixMilliseconds: 1)),
            .expel(Replica(node: 1, generation: 0), isForced: true), .leave(Replica(node: 1, generation: 0)),
        ]
        let all = [hello, challenge, proof, welcome] + others
        // What each side waits for at each step of an honest handshake.
        var freshDialler = dialler(one)
        _ = freshDialler.start()
        let states: [(Handshake, expected: LinkMessage?)] = [
            (acceptor(two), hello), (freshDialler, challenge), (honestAcceptor, proof), (honestDialler, welcome),
            (dialler(one), nil),
        ]
        for (state, expected) in states {
            for message in all where message != expected {
                var handshake = state
                let step = handshake.receive(message, HandshakeFacts())
                #expect(Self.code(step) == .unexpectedMessage, "\(state) took \(message)")
                guard case .refuse = sent(step) else {
                    Issue.record("the other side is not told")
                    return
                }
                #expect(handshake.isOver)
                // Nothing gets it going again, not even what it had waited for.
                for next in all {
                    #expect(Self.code(handshake.receive(next, HandshakeFacts())) == .unexpectedMessage)
                }
            }
        }
        guard case .established = honestAcceptor.receive(proof, HandshakeFacts()) else {
            Issue.record("not established")
            return
        }
        #expect(Self.code(honestAcceptor.receive(proof, HandshakeFacts())) == .unexpectedMessage)
    }

    @Test("Bytes of another protocol are refused with a hint, a refusal is never answered")
    func garbage() throws {
        var accepting = acceptor(try identity(2))
        let step = accepting.receive(MessageFailure.tooLarge(length: 0x2A31_0D0A, limit: 65536))
        #expect(refusal(step)?.code == .malformedMessage)
        #expect(refusal(step)?.text.contains("peer port") == true)
        var other = acceptor(try identity(2))
        let told = Refusal(.busy, "not now")
        let end = other.receive(.refuse(told), HandshakeFacts())
        #expect(end == .refused(told, isTheirs: true, send: nil))
    }
}
