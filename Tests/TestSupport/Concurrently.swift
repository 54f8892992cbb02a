/// Blocking work on threads of its own: as many at once as asked for, however few cores there are.
import Foundation
import Synchronization

/// Runs `body` on `count` threads, waits for all of them, and returns what they threw.
public func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) -> [String] {
    let failures = Failures()
    let group = DispatchGroup()
    for worker in 0..<count {
        group.enter()
        Thread {
            do { try body(worker) } catch { failures.add("\(worker): \(error)") }
            group.leave()
        }.start()
    }
    group.wait()
    return failures.all
}

private final class Failures: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
}
