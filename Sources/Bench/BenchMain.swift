/// Where `a2 bench` begins.
import OS
import Options

public enum BenchMain {
    public static func run(_ arguments: Arguments) -> Int32 {
        guard let verb = BenchOptions.Verb(rawValue: arguments.invoked.name) else {
            preconditionFailure("a verb without a meaning: \(arguments.invoked.name)")
        }
        var values: [(name: String, value: String)] = []
        for flag in arguments.invoked.flags where arguments.has(flag.name) {
            if flag.value == nil {
                values.append((flag.name, ""))
            } else if flag.isRepeatable {
                values += arguments.values(flag.name).map { (flag.name, $0) }
            } else if let value = arguments.value(flag.name) {
                values.append((flag.name, value))
            }
        }
        do {
            return run(
                try BenchOptions(verb, values, operands: arguments.operands, environment: Environment.all))
        } catch {
            Terminal.printError("a2 bench: \(error.description)\nTry 'a2 help bench \(verb.rawValue)'.\n")
            return error.exitStatus
        }
    }

    /// The verb, and what went wrong; returns how the process ends.
    static func run(_ options: BenchOptions) -> Int32 {
        do {
            return try dispatch(options)
        } catch {
            Terminal.printError("a2 bench: \(error.description)\n")
            return error.exitStatus
        }
    }

    private static func dispatch(_ options: BenchOptions) throws(BenchFailure) -> Int32 {
        // Comparing reads two files; a signal may end that as it ends anything.
        if options.verb == .compare { return try CompareVerb(options: options).run() }
        let interruption = Interruption()
        switch options.verb {
        case .run, .compare:
            var verb = RunVerb(options, interruption)
            return try verb.run()
        case .load: return try LoadVerb(options: options, interruption: interruption).run()
        case .replay: return try ReplayVerb(options: options, interruption: interruption).run()
        case .converge: return try ConvergeVerb(options: options, interruption: interruption).run()
        }
    }
}
