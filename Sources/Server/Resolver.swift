/// Turns names into addresses on a thread of its own, because getaddrinfo takes as long as name servers like.
import Base
import OS
import Replication

final class Resolver: Sendable {
    private struct Question: Sendable {
        let link: Int
        let address: PeerAddress
    }

    private let questions = Guarded<[Question]>([])
    private let wakeUp: WakeUp
    private let answers: PeerPost

    /// The thread lives as long as the process.
    init(answeringTo answers: PeerPost) throws(SystemError) {
        self.answers = answers
        wakeUp = try WakeUp()
        _ = try Thread.start(name: "a2-names") { [self] in
            guard let poller = try? Poller(capacity: 1),
                (try? poller.add(wakeUp.descriptor, token: 0, for: .read)) != nil
            else { preconditionFailure("the thread that resolves names could not start") }
            while true {
                _ = poller.wait(timeoutMilliseconds: -1)
                wakeUp.clear()
                for question in takeAll() { answer(question) }
            }
        }
    }

    func ask(link: Int, _ address: PeerAddress) {
        questions.withLock { $0.append(Question(link: link, address: address)) }
        wakeUp.signal()
    }

    private func takeAll() -> [Question] {
        questions.withLock { questions in
            let taken = questions
            questions.removeAll()
            return taken
        }
    }

    private func answer(_ question: Question) {
        do throws(SystemError) {
            let found = try SocketAddress.resolve(
                question.address.host, port: UInt16(truncatingIfNeeded: question.address.port))
            answers.post(.resolved(link: question.link, found, failure: nil))
        } catch {
            answers.post(.resolved(link: question.link, [], failure: error.description))
        }
    }
}
