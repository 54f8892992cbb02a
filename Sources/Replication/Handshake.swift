/// How two nodes come to trust each other, for both roles; fed with messages, it answers with messages.
///
///     dialler                                   acceptor
///     hello: who I am, versions, nonce    →
///                                         ←     challenge: who I am, version, nonce, proof
///     proof                               →
///                                         ←     welcome: where to resume
///
/// With a secret each proves to the other that it knows it: a code over both nonces, both identities and everything
/// else that was said, under a label of the role, so that neither a proof of another handshake nor one's own proof sent
/// back is worth anything. What a stranger claims is acted upon only after its proof. Either side may refuse; the text
/// names both sides, because it ends up in both logs, and never anything secret.
import Base

/// Who has come, once both are content.
public struct EstablishedPeer: Equatable, Sendable {
    public var identity: PeerIdentity
    public var protocolVersion: UInt8
    /// How far the acceptor has applied the dialler's window; nil: it does not know.
    public var resume: UInt64?
    /// No cut in the peer's cluster was later than this; zero for one that had no cluster.
    public var horizon = Stamp.zero
}

public enum HandshakeStep: Equatable {
    /// Send it and go on.
    case send(LinkMessage)
    /// The link is up; the acceptor sends its welcome first.
    case established(EstablishedPeer, send: LinkMessage?)
    /// The link is to be closed, once what is to be sent has gone. `isTheirs`: the other side refused.
    case refused(Refusal, isTheirs: Bool, send: LinkMessage?)
}

public enum HandshakeRole: Sendable {
    case dialler, acceptor
}

public struct Handshake: Sendable {
    public static let lowestProtocol: UInt8 = 1
    public static let highestProtocol: UInt8 = 2
    /// From here on the member table says which names are closed.
    public static let closedNamesProtocol: UInt8 = 2

    private enum State: Sendable {
        case start
        case challengeAwaited(Hello)
        case proofAwaited(Hello, Challenge)
        case welcomeAwaited(PeerIdentity, version: UInt8, horizon: Stamp)
        case over
    }

    public let role: HandshakeRole
    private let own: PeerIdentity
    private let secret: [UInt8]
    /// As it was when the handshake began.
    public let horizon: Stamp
    private let isUnsure: Bool
    /// Fresh for every handshake: this is what makes a former proof worthless.
    private let nonce: UInt128
    private let protocols: ClosedRange<UInt8>
    private var state = State.start

    public init(
        _ role: HandshakeRole, identity: PeerIdentity, secret: [UInt8], nonce: UInt128, horizon: Stamp = .zero,
        isUnsure: Bool = false,
        protocols: ClosedRange<UInt8> = Handshake.lowestProtocol...Handshake.highestProtocol
    ) {
        self.role = role
        own = identity
        self.secret = secret
        self.nonce = nonce
        self.horizon = horizon
        self.isUnsure = isUnsure
        self.protocols = protocols
    }

    public var isOver: Bool {
        if case .over = state { true } else { false }
    }

    /// We have dialled somebody who may have a cluster: he has not said yet, or counts us as one of it already, or is
    /// about to, with his welcome on the way.
    public var mayLetIn: Bool {
        switch state {
        case .challengeAwaited: true
        case .welcomeAwaited(_, _, let horizon): !horizon.isZero
        default: false
        }
    }

    /// We have dialled him, and he has shown that he knows what there is to know: what he says now is a member's word.
    public var hasTheirProof: Bool {
        if case .welcomeAwaited = state { true } else { false }
    }

    /// He has one, and has our proof.
    public var isBeingLetIn: Bool {
        if case .welcomeAwaited = state { mayLetIn } else { false }
    }

    /// What the dialler says first; the acceptor says nothing.
    public mutating func start() -> LinkMessage? {
        guard role == .dialler, case .start = state else { return nil }
        let hello = Hello(
            lowestProtocol: protocols.lowerBound, highestProtocol: protocols.upperBound, identity: own, nonce: nonce,
            hasSecret: !secret.isEmpty, horizon: horizon, isUnsure: isUnsure)
        state = .challengeAwaited(hello)
        return .hello(hello)
    }

    public mutating func receive(_ message: LinkMessage, _ facts: HandshakeFacts) -> HandshakeStep {
        if case .refuse(let refusal) = message {
            state = .over
            return .refused(refusal, isTheirs: true, send: nil)
        }
        do throws(Refusal) {
            switch (role, state, message) {
            case (.acceptor, .start, .hello(let hello)): return .send(try answer(hello, facts))
            case (.dialler, .challengeAwaited(let hello), .challenge(let challenge)):
                return .send(try answer(challenge, to: hello, facts))
            case (.acceptor, .proofAwaited(let hello, let challenge), .proof(let proof)):
                return try welcome(hello, challenge, proof, facts)
            case (.dialler, .welcomeAwaited(let identity, let version, let horizon), .welcome(let resume)):
                state = .over
                let peer = EstablishedPeer(
                    identity: identity, protocolVersion: version, resume: resume, horizon: horizon)
                return .established(peer, send: nil)
            default:
                throw Refusal(.unexpectedMessage, "a \(message.kind) message came out of turn in the handshake")
            }
        } catch {
            return refuse(error)
        }
    }

    /// What came was no message at all.
    public mutating func receive(_ failure: MessageFailure) -> HandshakeStep {
        refuse(
            Refusal(.malformedMessage, "what came is not a2's peer protocol (\(failure)): is this the peer port of a2?")
        )
    }

    private mutating func refuse(_ refusal: Refusal) -> HandshakeStep {
        state = .over
        return .refused(refusal, isTheirs: false, send: .refuse(refusal))
    }

    // MARK: Acceptor

    private mutating func answer(_ hello: Hello, _ facts: HandshakeFacts) throws(Refusal) -> LinkMessage {
        let theirs = hello.identity
        guard hello.lowestProtocol <= protocols.upperBound, hello.highestProtocol >= protocols.lowerBound else {
            throw Refusal(
                .protocolVersion,
                "\(theirs.label) speaks peer protocol \(Self.text(hello.lowestProtocol, hello.highestProtocol)), "
                    + "\(own.label) speaks \(Self.text(protocols.lowerBound, protocols.upperBound)): upgrade the older one"
            )
        }
        try HandshakeFacts.checkCluster(theirs, own)
        try HandshakeFacts.checkOneself(theirs, own)
        guard hello.hasSecret == !secret.isEmpty else { throw secretMissing(at: hello.hasSecret ? own : theirs) }
        let version = min(hello.highestProtocol, protocols.upperBound)
        var challenge = Challenge(
            protocolVersion: version, identity: own, nonce: nonce, horizon: horizon, isUnsure: isUnsure,
            knowsDialler: facts.knows(theirs), proof: [])
        challenge.proof = proof(of: .acceptor, hello, challenge)
        state = .proofAwaited(hello, challenge)
        return .challenge(challenge)
    }

    private mutating func welcome(
        _ hello: Hello, _ challenge: Challenge, _ theirProof: [UInt8], _ facts: HandshakeFacts
    ) throws(Refusal) -> HandshakeStep {
        let theirs = hello.identity
        guard HMAC.areEqual(theirProof, proof(of: .dialler, hello, challenge)) else { throw secretWrong(theirs) }
        try facts.check(theirs, own)
        try facts.checkPast(theirs, isUnsure: hello.isUnsure)
        state = .over
        let resume = facts.resumePoint(of: theirs)
        let peer = EstablishedPeer(
            identity: theirs, protocolVersion: challenge.protocolVersion, resume: resume, horizon: hello.horizon)
        return .established(peer, send: .welcome(resume: resume))
    }

    // MARK: Dialler

    private mutating func answer(
        _ challenge: Challenge, to hello: Hello, _ facts: HandshakeFacts
    ) throws(Refusal) -> LinkMessage {
        let theirs = challenge.identity
        guard protocols.contains(challenge.protocolVersion) else {
            throw Refusal(
                .protocolVersion,
                "\(theirs.label) wants to speak peer protocol \(challenge.protocolVersion), \(own.label) speaks "
                    + "\(Self.text(protocols.lowerBound, protocols.upperBound)): upgrade the older one")
        }
        try HandshakeFacts.checkCluster(theirs, own)
        guard challenge.proof.isEmpty == secret.isEmpty else {
            throw secretMissing(at: challenge.proof.isEmpty ? theirs : own)
        }
        guard HMAC.areEqual(challenge.proof, proof(of: .acceptor, hello, challenge)) else { throw secretWrong(theirs) }
        try HandshakeFacts.checkOneself(theirs, own)
        try facts.check(theirs, own)
        if !challenge.horizon.isZero, !challenge.knowsDialler, !facts.knows(theirs) {
            if !horizon.isZero { throw facts.twoClusters(theirs, own) }
            if !facts.horizon.isZero { throw .notYet(own) }
        }
        // One at a time: of two who let us in, each would take the other's cluster for its own.
        let mustWait = challenge.horizon.isZero ? facts.mayBeLetIn : facts.isBeingLetIn
        if mustWait, !facts.knows(theirs) { throw .notYet(own) }
        try facts.checkPast(theirs, isUnsure: challenge.isUnsure)
        state = .welcomeAwaited(theirs, version: challenge.protocolVersion, horizon: challenge.horizon)
        return .proof(proof(of: .dialler, hello, challenge))
    }

    // MARK: Proofs

    private func proof(of role: HandshakeRole, _ hello: Hello, _ challenge: Challenge) -> [UInt8] {
        guard !secret.isEmpty else { return [] }
        var transcript = ByteBuffer()
        transcript.append(role == .dialler ? "a2 peer handshake 1: dialler\n" : "a2 peer handshake 1: acceptor\n")
        // Every field has one length or says it, so that no two handshakes read the same.
        transcript.append(hello.lowestProtocol)
        transcript.append(hello.highestProtocol)
        transcript.append(hello.identity)
        transcript.append(littleEndian: hello.nonce)
        transcript.append(littleEndian: hello.horizon.rawValue)
        transcript.append(UInt8(hello.isUnsure ? 1 : 0))
        transcript.append(challenge.protocolVersion)
        transcript.append(challenge.identity)
        transcript.append(littleEndian: challenge.nonce)
        transcript.append(littleEndian: challenge.horizon.rawValue)
        transcript.append(UInt8(challenge.isUnsure ? 1 : 0))
        transcript.append(UInt8(challenge.knowsDialler ? 1 : 0))
        return HMAC.code(key: secret, message: transcript.view)
    }

    private func secretMissing(at side: PeerIdentity) -> Refusal {
        let other = side == own ? "its peer" : own.label
        return Refusal(
            .secretMissing,
            "\(side.label) has no peer secret and \(other) has one: start both with the same --peer-secret-file")
    }

    private func secretWrong(_ theirs: PeerIdentity) -> Refusal {
        Refusal(
            .secretWrong,
            "\(theirs.label) and \(own.label) have different peer secrets: start both with the same --peer-secret-file")
    }

    private static func text(_ lowest: UInt8, _ highest: UInt8) -> String {
        lowest == highest ? "\(lowest)" : "\(lowest) to \(highest)"
    }
}

extension PeerIdentity {
    /// How people know the node, and where it is.
    public var label: String {
        (name.isEmpty ? "node \(replica)" : "node \(replica) (\(name))") + " at \(address)"
    }
}
