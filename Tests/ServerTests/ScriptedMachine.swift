/// A stand-in for a node's replication: does what a test tells it and writes down what it is told.
import Base
import Commands
import Core
import OS
import Replication
import Testing

@testable import Server

/// The test's side of a scripted machine; both threads use it.
final class Script: Sendable {
    struct State: Sendable {
        var events: [String] = []
        var received: [Int: [UInt8]] = [:]
        var moments: [Int: Int64] = [:]
        var actions: [PeerAction] = []
        var toSend: [(link: Int, bytes: [UInt8])] = []
        var openLinks: [Int] = []
        var delayMilliseconds = 0
        var pending: [Int: Int] = [:]
        var turns = 0
        /// Wants its next turn at once.
        var isEager = false
        /// Noted at the next turn.
        var acknowledged: [(node: UInt8, position: UInt64)] = []
    }

    private let state = Guarded<State>(State())
    let post: PeerPost

    init(_ post: PeerPost) { self.post = post }

    func with<Result: Sendable>(_ body: @Sendable (inout State) -> Result) -> Result {
        state.withLock { state in
            var copy = state
            let result = body(&copy)
            state = copy
            return result
        }
    }

    /// Has the machine do something, at its next turn.
    func want(_ action: PeerAction) {
        with { $0.actions.append(action) }
        post.wakeUp.signal()
    }

    func send(_ bytes: [UInt8], over link: Int) {
        with { $0.toSend.append((link, bytes)) }
        post.wakeUp.signal()
    }

    func acknowledge(_ position: UInt64, by node: UInt8) {
        with { $0.acknowledged.append((node, position)) }
        post.wakeUp.signal()
    }

    var events: [String] { with { $0.events } }

    func received(_ link: Int) -> [UInt8] { with { $0.received[link] ?? [] } }
}

struct ScriptedMachine: PeerMachine, ~Copyable {
    let script: Script
    private let acknowledgements: PeerAcknowledgements
    private var outputs: [Int: UnsafeMutablePointer<ByteBuffer>] = [:]

    init(_ script: Script, _ acknowledgements: PeerAcknowledgements) {
        self.script = script
        self.acknowledgements = acknowledgements
    }

    deinit { for output in outputs.values { Self.release(output) } }

    private static func release(_ output: UnsafeMutablePointer<ByteBuffer>) {
        output.deinitialize(count: 1)
        output.deallocate()
    }

    private mutating func open(_ link: Int, _ event: String) {
        let output = UnsafeMutablePointer<ByteBuffer>.allocate(capacity: 1)
        output.initialize(to: ByteBuffer())
        outputs[link] = output
        script.with {
            $0.events.append(event)
            $0.openLinks.append(link)
        }
    }

    private func note(_ event: String) { script.with { $0.events.append(event) } }

    mutating func start(_ now: Moment) { note("start") }
    mutating func dialled(target: Int, link: Int, _ now: Moment) { open(link, "dialled \(target)") }
    mutating func dialFailed(target: Int, reason: String, _ now: Moment) { note("failed \(target): \(reason)") }
    mutating func accepted(link: Int, from: String, _ now: Moment) { open(link, "accepted") }

    mutating func receive(link: Int, _ bytes: inout ByteBuffer, _ now: Moment) {
        let new = bytes.array
        bytes.removeAll()
        script.with {
            $0.received[link, default: []] += new
            $0.moments[link] = now.monotonicMilliseconds
        }
    }

    mutating func closed(link: Int, reason: String, _ now: Moment) {
        if let output = outputs.removeValue(forKey: link) { Self.release(output) }
        script.with {
            $0.events.append("closed: \(reason)")
            $0.openLinks.removeAll { $0 == link }
        }
    }

    mutating func request(_ request: PeerRequest, _ now: Moment) {
        note("\(request)")
        guard request == .goodbye else { return }
        for output in outputs.values { output.pointee.append("bye") }
    }

    mutating func turn(_ now: Moment) -> Int64 {
        let sending = script.with { state in
            state.turns += 1
            defer { state.toSend.removeAll() }
            return state.toSend
        }
        for (link, bytes) in sending { outputs[link]?.pointee.append(bytes) }
        let acknowledged = script.with { state in
            defer { state.acknowledged.removeAll() }
            return state.acknowledged
        }
        for (node, position) in acknowledged { acknowledgements.note(.applied, node: node, upTo: position) }
        let pending = outputs.mapValues { $0.pointee.count }
        script.with { $0.pending = pending }
        return script.with { $0.isEager } ? now.monotonicMilliseconds : .max
    }

    func output(link: Int) -> UnsafeMutablePointer<ByteBuffer>? { outputs[link] }

    mutating func takeActions() -> [PeerAction] {
        script.with { state in
            defer { state.actions.removeAll() }
            return state.actions
        }
    }

    func deliveryDelayMilliseconds(link: Int) -> Int { script.with { $0.delayMilliseconds } }
}
