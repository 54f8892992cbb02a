/// The modes that run by themselves: figures every second, latencies, walks over all keys, bulk input.
import Client
import OS
import Options
import RESP

enum ConsoleMode: String, CaseIterable {
    case stat, latency, bigkeys, memkeys, hotkeys, scan, pipe
    case latencyHistory = "latency-history"

    func run(_ session: Session, _ plan: ConsolePlan) throws(ClientError) -> Int32 {
        try session.connect()
        let failure: CallFailure
        do throws(CallFailure) {
            switch self {
            case .stat: return try WatchModes.stat(session, plan)
            case .latency: return try WatchModes.latency(session, plan, windowMilliseconds: nil)
            case .latencyHistory:
                return try WatchModes.latency(session, plan, windowMilliseconds: plan.intervalMilliseconds)
            case .bigkeys: return try KeyModes.largest(session, plan, by: .elements)
            case .memkeys: return try KeyModes.largest(session, plan, by: .memory)
            case .hotkeys: return try KeyModes.largest(session, plan, by: .frequency)
            case .scan: return try KeyModes.scan(session, plan)
            case .pipe: return try PipeMode.run(session)
            }
        } catch { failure = error }
        session.output.flush()
        switch failure {
        case .interrupted: return 130
        case .ended: return 143
        case .client(let error): throw error
        }
    }
}
