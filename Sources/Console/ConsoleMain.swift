/// Where `a2 console` begins: what the arguments ask for, and which way of running does it.
import Base
import CEdit
import Client
import OS
import Options
import RESP

public enum ConsoleMain {
    public static func run(_ arguments: Arguments) -> Int32 {
        do {
            let plan = try ConsolePlan(arguments, environment: Environment.all)
            return try run(plan)
        } catch let error as UsageError {
            Terminal.printError("a2: \(error)\n")
            return ExitStatus.usage
        } catch let error as ClientError {
            Terminal.printError("a2: \(error)\n")
            return error.exitStatus
        } catch { preconditionFailure("\(error)") }
    }

    private static func run(_ plan: ConsolePlan) throws(ClientError) -> Int32 {
        var plan = plan
        plan.settings.isUnicode = a2_editor_locale() != 0
        let signals = a2_console_signals_open()
        guard signals >= 0 else { throw .usage("cannot watch for signals") }
        let session = Session(
            plan.endpoint, settings: plan.settings, nodes: plan.nodes, givenNodes: plan.givenNodes,
            version: plan.version, timeoutMilliseconds: plan.timeoutMilliseconds,
            isInteractive: plan.way == .lines && plan.isOnTerminal, signals: signals)
        if plan.isOnTerminal { a2_terminal_guard() }
        switch plan.way {
        case .lines: return plan.isOnTerminal ? InteractiveConsole.run(session) : script(session)
        case .commands(let lines): return commands(lines, session)
        case .command(let words): return try repeated(words, plan, session)
        case .mode(let mode): return try mode.run(session, plan)
        }
    }

    /// Lines of standard input. Errors end it, unless told otherwise.
    private static func script(_ session: Session) -> Int32 {
        var lines = InputLines()
        while let line = lines.next() {
            let status = session.run(line: line)
            if session.isQuitting { return status }
            if status != ExitStatus.success, !session.settings.goesOnAfterErrors { return status }
        }
        session.output.flush()
        return ExitStatus.success
    }

    private static func commands(_ lines: [String], _ session: Session) -> Int32 {
        for line in lines {
            let status = session.run(line: line)
            if session.isQuitting { return status }
            if status != ExitStatus.success, !session.settings.goesOnAfterErrors { return status }
        }
        return ExitStatus.success
    }

    private static func repeated(_ words: [[UInt8]], _ plan: ConsolePlan, _ session: Session) throws(ClientError)
        -> Int32
    {
        var left = plan.repetitions
        while left != 0 {
            let status = session.run(words: words)
            if session.isQuitting { return status }
            if status != ExitStatus.success, !session.settings.goesOnAfterErrors { return status }
            if left > 0 { left -= 1 }
            if left != 0, plan.intervalMilliseconds > 0, !session.pause(milliseconds: plan.intervalMilliseconds) {
                return 130
            }
        }
        return ExitStatus.success
    }
}

extension Session {
    /// Waits; false when a signal ended it.
    func pause(milliseconds: Int) -> Bool {
        output.flush()
        let end = SystemClock.monotonicMilliseconds + Int64(milliseconds)
        while true {
            let left = end - SystemClock.monotonicMilliseconds
            if left <= 0 { return true }
            _ = Readiness.wait(signals, timeoutMilliseconds: Int(left))
            let bits = a2_console_signals_take()
            if bits & Int32(A2_SIGNALLED_INTERRUPT | A2_SIGNALLED_END) != 0 { return false }
        }
    }
}
