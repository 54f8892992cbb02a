/// What the settings say about links between nodes, checked before anything is opened.
///
/// Links are not encrypted and whoever may link reads and writes everything. So nothing leaves this machine, and
/// nothing from outside is let in, unless a secret is given and --peer-plaintext says that the network is trusted.
import OS
import Options
import Replication

public struct PeerOptions: Sendable {
    /// Dialled from the start; the rest of the cluster is learned from them.
    public internal(set) var seeds: [PeerAddress] = []
    /// Nil: where this node listens.
    public internal(set) var advertise: PeerAddress?
    /// Empty: none.
    public internal(set) var secret: [UInt8] = []
    /// Links with other machines are allowed, in both directions.
    public internal(set) var allowsOutside = false
    /// What to listen on, as the bind option has it.
    public internal(set) var addresses = ["127.0.0.1", "-::1"]
    public internal(set) var port: UInt16 = 0
    public internal(set) var bufferBytes = 64 << 20
    /// 0: never.
    public internal(set) var stabilityTimeoutSeconds = 0
    public internal(set) var repairIntervalSeconds = 30
    public internal(set) var warnings: [String] = []

    private static let secretBytesMin = 16

    public init() {}

    init(_ settings: Settings) throws(SettingsError) {
        port = UInt16(settings.integer(.peerPort))
        bufferBytes = settings.integer(.peerBufferBytes)
        stabilityTimeoutSeconds = settings.integer(.stabilityTimeout)
        repairIntervalSeconds = settings.integer(.repairInterval)
        for text in settings.list(.peer) { seeds.append(try Self.address(text, .peer, settings)) }
        let advertised = settings.text(.advertise)
        if !advertised.isEmpty { advertise = try Self.address(advertised, .advertise, settings) }
        let secretPath = settings.text(.peerSecretFile)
        if !secretPath.isEmpty { try readSecret(secretPath) }
        allowsOutside = !secret.isEmpty && settings.flag(.peerPlaintext)
        if !allowsOutside { try refuseOutside(settings) }
        addresses = listening(bind: settings.list(.bind))
    }

    private static func address(
        _ text: String, _ option: Option, _ settings: Settings
    ) throws(SettingsError) -> PeerAddress {
        do throws(PeerAddressFailure) {
            return try PeerAddress(text)
        } catch {
            throw SettingsError(
                place: settings.source(of: option).description, message: "\(option.name): \(error.description)")
        }
    }

    private mutating func readSecret(_ path: String) throws(SettingsError) {
        let contents: [UInt8]
        do throws(SystemError) { contents = try Files.read(path) } catch {
            throw SettingsError(place: path, message: "the peer secret cannot be read: \(error.reason)")
        }
        secret = Array(contents.prefix { $0 != UInt8(ascii: "\n") })
        if secret.last == UInt8(ascii: "\r") { secret.removeLast() }
        if secret.isEmpty {
            throw SettingsError(place: path, message: "its first line must be the secret that all nodes share")
        }
        guard secret.count >= Self.secretBytesMin else {
            throw SettingsError(
                place: path,
                message: "the peer secret has \(secret.count) bytes, at least \(Self.secretBytesMin) are needed; "
                    + "make one with: openssl rand -hex 32")
        }
        if let permissions = Files.permissions(path), permissions & 0o004 != 0 {
            warnings.append("\(path), the peer secret, can be read by everybody on this machine: chmod 600 it")
        }
    }

    /// Says exactly what is missing.
    private func refuseOutside(_ settings: Settings) throws(SettingsError) {
        let advertised = advertise.map { (Option.advertise, $0) }
        let outside = (seeds.map { (Option.peer, $0) } + [advertised].compactMap { $0 }).first {
            !Self.isLoopback($0.1.host)
        }
        guard let (option, address) = outside else { return }
        var missing: [String] = []
        if secret.isEmpty { missing.append("--peer-secret-file FILE (a secret that all nodes share)") }
        if !settings.flag(.peerPlaintext) {
            missing.append("--peer-plaintext (links are not encrypted, so the network must be trusted)")
        }
        throw SettingsError(
            place: settings.source(of: option).description,
            message: "\(option.name) \(address) is another machine: add " + missing.joined(separator: " and "))
    }

    /// Peers are listened for where clients are, as far as that is allowed. Clients being served on the loopback
    /// only does not keep out peers of other machines that are meant to link.
    private func listening(bind: [String]) -> [String] {
        let inside = bind.filter { Self.isLoopback($0.hasPrefix("-") ? String($0.dropFirst()) : $0) }
        if !allowsOutside { return inside.isEmpty ? ["127.0.0.1", "-::1"] : inside }
        if inside.count < bind.count { return bind }
        let isLinkedOutside = (seeds + [advertise].compactMap { $0 }).contains { !Self.isLoopback($0.host) }
        return isLinkedOutside ? ["*", "-::*"] : bind
    }

    /// By its spelling: what another name stands for may change at any time.
    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("::ffff:127.")
            || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 &- 48 < 10 || $0 == UInt8(ascii: ".") }
    }

    /// Under which address others dial this node; `listeners` are those of the peer port, "127.0.0.1:16379".
    func advertised(listeners: [String]) -> PeerAddress? {
        if let advertise { return advertise }
        let addresses = listeners.compactMap { try? PeerAddress($0) }
        guard let first = addresses.first else { return nil }
        guard let wildcard = addresses.first(where: { $0.host == "0.0.0.0" || $0.host == "::" }) else {
            return addresses.first { !Self.isLoopback($0.host) } ?? first
        }
        return try? PeerAddress(host: SocketAddress.outside ?? "127.0.0.1", port: wildcard.port)
    }
}

extension Launch {
    /// Refuses what would open the node to strangers.
    public func peerOptions() throws(SettingsError) -> PeerOptions { try PeerOptions(settings) }
}
