/// `a2 bench load`: fills a number of keys, each once, as fast as the server takes them, and looks whether they
/// are there.
import Base
import Client
import OS
import RESP

struct LoadVerb {
    let options: BenchOptions
    let interruption: Interruption?

    /// One SET per key, key after key; every client its own stretch of them.
    static func plan(_ options: BenchOptions) -> LoadPlan {
        var plan = options.basePlan
        let keys = options.keyCount ?? options.requests ?? BenchOptions.defaultRequests
        plan.name = "load of \(keys) keys"
        plan.shape.keyCount = keys
        plan.requests = keys
        plan.durationSeconds = nil
        plan.warmupSeconds = 0
        plan.distribution = .sequential
        plan.countsThroughKeys = true
        plan.mode = .closed
        // Filling is no measurement: replies are waited for in batches.
        if !options.given.contains(where: { $0.name == "pipeline" }) { plan.pipeline = 64 }
        let set = CommandTemplate(name: "SET", arguments: [[.text(Array("SET".utf8))], [.key], [.value]])
        plan.commands = [RequestPlan(set, plan.shape)]
        plan.weights = [1]
        return plan
    }

    func run() throws(BenchFailure) -> Int32 {
        let plan = Self.plan(options)
        var run = RunVerb(options, interruption)
        let status = try run.run([plan])
        if status >= 128 { return status }
        var missing = try count(plan)
        // What went to other nodes is on its way.
        let deadline = SystemClock.monotonicMilliseconds + 10_000
        while missing > 0, plan.targets.count > 1, SystemClock.monotonicMilliseconds < deadline {
            missing = try count(plan)
        }
        guard missing == 0 else {
            Terminal.printError("a2 bench: \(missing) of \(plan.shape.keyCount) keys are not there\n")
            return 1
        }
        if options.output == .text { Terminal.print("All \(plan.shape.keyCount) keys are there.\n") }
        return status
    }

    /// How many keys do not exist, asked for by name: a count of the database would count others.
    private func count(_ plan: LoadPlan) throws(BenchFailure) -> Int {
        let connection = try ControlConnection(plan.targets[0])
        let batch = 500
        var found: Int64 = 0
        for start in stride(from: 0, to: plan.shape.keyCount, by: batch) {
            interruption?.endIfAsked()
            var words = [Array("EXISTS".utf8)]
            for key in start..<min(start + batch, plan.shape.keyCount) {
                words.append(Array(keyName(plan.shape.keyPrefix, key).utf8))
            }
            let reply = try connection.call(words)
            guard let number = reply.integer else {
                throw BenchFailure(description: "EXISTS: \(reply.text ?? "an unexpected reply")", exitStatus: 1)
            }
            found += number
        }
        return plan.shape.keyCount - Int(found)
    }
}

/// As requests spell it.
func keyName(_ prefix: String, _ key: Int) -> String {
    let digits = "\(key)"
    return prefix + String(repeating: "0", count: max(12 - digits.count, 0)) + digits
}
