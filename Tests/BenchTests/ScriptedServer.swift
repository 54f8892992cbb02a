/// A server that does what a test wants: one thread, replies made by a closure, which may also take its time.
import Base
import Foundation
import Glibc
import Synchronization
import TestSupport

final class ScriptedServer: Sendable {
    typealias Handler = @Sendable ([String]) -> String

    let port: Int
    private let listener: Int32
    private let isStopped = Atomic<Bool>(false)
    private let isFinished = DispatchSemaphore(value: 0)

    init(_ handler: @escaping Handler) throws {
        let socket = try LoopbackSocket(backlog: 100)
        (listener, port) = (socket.descriptor, socket.port)
        Foundation.Thread { [self] in
            serve(handler)
            isFinished.signal()
        }.start()
    }

    /// Ends the thread; to be called by every test, also one that fails.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
        isFinished.wait()
        close(listener)
    }

    private func serve(_ handler: Handler) {
        var clients: [Int32: [UInt8]] = [:]
        while !isStopped.load(ordering: .relaxed) {
            var waiting = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
            waiting += clients.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&waiting, nfds_t(waiting.count), 20) > 0 else { continue }
            for entry in waiting where entry.revents != 0 {
                if entry.fd == listener {
                    let client = accept(listener, nil, nil)
                    var one: Int32 = 1
                    setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                    clients[client] = []
                    continue
                }
                var space = [UInt8](repeating: 0, count: 65536)
                let count = recv(entry.fd, &space, space.count, 0)
                guard count > 0 else {
                    close(entry.fd)
                    clients[entry.fd] = nil
                    continue
                }
                var input = (clients[entry.fd] ?? []) + space[..<count]
                while let (words, length) = Self.request(input) {
                    input.removeFirst(length)
                    let reply = Array(handler(words).utf8)
                    _ = send(entry.fd, reply, reply.count, Int32(MSG_NOSIGNAL))
                }
                clients[entry.fd] = input
            }
        }
        for client in clients.keys { close(client) }
    }

    /// The first request of `bytes` and its length, nil while it is not whole.
    private static func request(_ bytes: [UInt8]) -> ([String], Int)? {
        var at = 0
        func line() -> String? {
            guard let end = bytes[at...].firstIndex(of: 13), end + 1 < bytes.count else { return nil }
            defer { at = end + 2 }
            return String(decoding: bytes[at..<end], as: UTF8.self)
        }
        guard let count = line()?.dropFirst(), let words = Int(count) else { return nil }
        var request: [String] = []
        for _ in 0..<words {
            guard let head = line()?.dropFirst(), let length = Int(head), at + length + 2 <= bytes.count else {
                return nil
            }
            request.append(String(decoding: bytes[at..<at + length], as: UTF8.self))
            at += length + 2
        }
        return (request, at)
    }
}

/// Strings in memory, and a way to go wrong.
final class ScriptedStore: Sendable {
    private let values = Mutex<[String: Int]>([:])
    private let increments = Atomic<Int>(0)
    /// Every so many increments one is acknowledged and forgotten; 0: none is.
    private let dropsEvery: Int

    init(dropsEvery: Int = 0) { self.dropsEvery = dropsEvery }

    func reply(_ words: [String]) -> String {
        switch words[0].uppercased() {
        case "INCR":
            let number = increments.add(1, ordering: .relaxed).newValue
            let isDropped = dropsEvery > 0 && number % dropsEvery == 0
            return values.withLock { values in
                if !isDropped { values[words[1], default: 0] += 1 }
                return ":\(values[words[1], default: 0])\r\n"
            }
        case "GET": return values.withLock { bulk($0[words[1]]) }
        case "SET":
            return values.withLock {
                $0[words[1]] = Int(words[2]) ?? 0
                return "+OK\r\n"
            }
        case "MGET":
            return values.withLock { values in
                "*\(words.count - 1)\r\n" + words.dropFirst().map { bulk(values[$0]) }.joined()
            }
        case "DEL":
            return values.withLock { values in
                for word in words.dropFirst() { values[word] = nil }
                return ":1\r\n"
            }
        case "INFO": return "$20\r\nredis_version:7.0.0\n\r\n"
        case "PING": return "+PONG\r\n"
        default: return "-ERR unknown command '\(words[0])'\r\n"
        }
    }

    private func bulk(_ value: Int?) -> String { value.map { "$\("\($0)".utf8.count)\r\n\($0)\r\n" } ?? "$-1\r\n" }
}
