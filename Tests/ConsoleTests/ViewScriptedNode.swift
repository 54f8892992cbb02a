/// A server that answers as a test wants: also late, wrongly, or not at all.
import Base
import Glibc
import Synchronization
import TestSupport

final class ViewScriptedNode: Sendable {
    enum Answer: Sendable {
        /// Bytes as they are.
        case bytes(String)
        case silence
        case close
    }

    let port: Int
    private let listener: Int32
    private let isClosed = Atomic<Bool>(false)
    private let requests = Guarded<[String]>([])

    /// All commands that came, their words joined by spaces.
    var seen: [String] { requests.withLock { $0 } }

    /// `answer` is asked for each command, on a thread per connection.
    init(_ answer: @escaping @Sendable (_ command: String) -> Answer) throws {
        let socket = try LoopbackSocket(backlog: 16)
        (listener, port) = (socket.descriptor, socket.port)
        let listener = listener
        Self.onThread { [self] in
            while !isClosed.load(ordering: .relaxed) {
                let connection = accept(listener, nil, nil)
                if connection < 0 { break }
                Self.onThread { self.serve(connection, answer) }
            }
        }
    }

    func close() {
        isClosed.store(true, ordering: .relaxed)
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    private static func onThread(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }

    private func serve(_ connection: Int32, _ answer: @Sendable (String) -> Answer) {
        defer { Glibc.close(connection) }
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            while let command = Self.takeCommand(&pending) {
                requests.withLock { $0.append(command) }
                switch answer(command) {
                case .bytes(let text):
                    let bytes = Array(text.utf8)
                    if send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0 { return }
                case .silence: break
                case .close: return
                }
            }
            let count = read(connection, &chunk, chunk.count)
            if count <= 0 { return }
            pending += chunk.prefix(count)
        }
    }

    /// The first whole command: an array of bulk strings.
    private static func takeCommand(_ pending: inout [UInt8]) -> String? {
        var at = 0
        func line() -> Int? {
            guard let end = pending[at...].firstIndex(of: 10) else { return nil }
            defer { at = end + 1 }
            return Int(String(decoding: pending[(at + 1)..<(end - 1)], as: UTF8.self))
        }
        guard let count = line() else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard let length = line(), pending.count >= at + length + 2 else { return nil }
            words.append(String(decoding: pending[at..<(at + length)], as: UTF8.self))
            at += length + 2
        }
        pending.removeFirst(at)
        return words.joined(separator: " ")
    }
}

extension ViewScriptedNode {
    static func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    /// A node of a2 that tells of others as (id, client address).
    static func node(
        _ id: Int, peers: [(id: Int, address: String)] = [],
        more: @escaping @Sendable (String) -> Answer = { _ in .silence }
    ) throws -> ViewScriptedNode {
        let information =
            "# Server\r\nserver_time_usec:1\r\n# A2\r\na2_version:0.1.0\r\na2_node_id:\(id)\r\na2_replica:\(id)\r\n"
            + "a2_name:node-\(id)\r\na2_region:r\(id)\r\na2_cluster:c\r\ndb0:keys=7,expires=0\r\n"
        let maps = peers.map { peer in
            let fields = [
                ("name", "node-\(peer.id)"), ("client-address", peer.address), ("address", "127.0.0.1:1"),
                ("membership", "member"), ("health", "alive"), ("outgoing", "up"), ("incoming", "up"),
            ]
            return "%\(fields.count + 2)\r\n" + bulk("id") + ":\(peer.id)\r\n" + bulk("lag-ms") + ":4\r\n"
                + fields.map { bulk($0.0) + bulk($0.1) }.joined()
        }
        let list = "*\(peers.count)\r\n" + maps.joined()
        return try ViewScriptedNode { command in
            if command.hasPrefix("HELLO") { return .bytes("%1\r\n+proto\r\n:3\r\n") }
            if command == "INFO" { return .bytes(bulk(information)) }
            if command == "A2.PEERS" { return .bytes(list) }
            return more(command)
        }
    }
}
