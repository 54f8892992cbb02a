/// The thread that reads the log for peers that have fallen behind the window; what it reads the peer thread sends.
///
/// Nothing is read that the other side has not asked for, and it asks for one piece of a link at a time, so that the
/// memory is bounded by a piece for each such peer and one batch here. Segments are opened to be read and stay open
/// while they are: a snapshot may remove them meanwhile. Whatever goes wrong here ends the reading for that peer, who is
/// then helped with states, and nothing else.
import Base
import Core
import OS
import Replication
import Storage

final class LogServing: Sendable {
    private enum Request: Sendable {
        case read(link: Int, LogRead)
        case end(link: Int)
    }

    private let requests = Guarded<[Request]>([])
    private let wakeUp: WakeUp
    private let answers: PeerPost
    private let store: Store

    /// The thread lives as long as the process.
    init(_ store: Store, answeringTo answers: PeerPost) throws(SystemError) {
        self.store = store
        self.answers = answers
        wakeUp = try WakeUp()
        _ = try Thread.start(name: "a2-log-reader") { [self] in
            guard let poller = try? Poller(capacity: 1),
                (try? poller.add(wakeUp.descriptor, token: 0, for: .read)) != nil
            else { preconditionFailure("the thread that reads the log for peers could not start") }
            run(poller)
        }
    }

    func read(link: Int, _ read: LogRead) { post(.read(link: link, read)) }

    func end(link: Int) { post(.end(link: link)) }

    private func post(_ request: Request) {
        requests.withLock { $0.append(request) }
        wakeUp.signal()
    }

    private func takeAll() -> [Request] {
        requests.withLock { requests in
            let taken = requests
            requests.removeAll()
            return taken
        }
    }

    private func run(_ poller: borrowing Poller) {
        var readers: [Int: LogFrameReader<SystemDisk>] = [:]
        while true {
            _ = poller.wait(timeoutMilliseconds: -1)
            wakeUp.clear()
            for request in takeAll() {
                switch request {
                case .end(let link): readers[link] = nil
                case .read(let link, let read):
                    let outcome = self.read(read, &readers[link])
                    answers.post(.logRead(link: link, outcome))
                }
            }
        }
    }

    private func read(_ read: LogRead, _ reader: inout LogFrameReader<SystemDisk>?) -> LogReadOutcome {
        do throws(LogReadFailure) {
            if reader?.position != read.from {
                reader = try store.frames(from: read.from, entryBytesMax: read.entryBytesMax)
            }
            guard let reader else { return .failed("no reader") }
            var frames = ByteBuffer(capacity: 64 << 10)
            try reader.read(of: read.origin, upTo: read.upTo, bytesWanted: read.bytesWanted, into: &frames)
            return .read(LogChunk(frames: frames.array, next: reader.position))
        } catch {
            reader = nil
            return .failed(error.description)
        }
    }
}
