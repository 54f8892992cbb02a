/// Dispatch: the arguments are read by Options, the work is done elsewhere.
import Bench
import Console
import OS
import Offline
import Options
import Server

#if canImport(Glibc)
    import Glibc
#endif

exit(run(Array(CommandLine.arguments.dropFirst())))

private func run(_ words: [String]) -> Int32 {
    do throws(UsageError) {
        let arguments = try Arguments(words)
        if arguments.has("help") {
            Terminal.print(Help.text(for: arguments.invoked))
            return ExitStatus.success
        }
        switch arguments.subcommand.name {
        case "serve": return try serve(arguments)
        case "bench": return BenchMain.run(arguments)
        case "inspect": return InspectMain.run(arguments)
        case "snapshot": return SnapshotMain.run(arguments)
        case "console": return ConsoleMain.run(arguments)
        case "completions": return print(arguments, from: Completions.script(for:))
        case "man": return print(arguments, from: manualPage(_:))
        case "version":
            Terminal.print("a2 \(Version.number)\n")
            return ExitStatus.success
        case "help": return try help(arguments)
        default: throw UsageError("'\(arguments.subcommand.name)' is not part of this build")
        }
    } catch {
        return fail(error.description, ExitStatus.usage)
    }
}

private func fail(_ message: String, _ status: Int32) -> Int32 {
    Terminal.printError("a2: \(message)\n")
    return status
}

/// Help for what the operands name: nothing, a subcommand, or a subcommand and its verb.
private func help(_ arguments: Arguments) throws(UsageError) -> Int32 {
    Terminal.print(try Help.text(forWords: arguments.operands))
    return ExitStatus.success
}

private func print(_ arguments: Arguments, from render: (String) -> String?) -> Int32 {
    let name = arguments.operands.first ?? ""
    guard let text = render(name) else {
        let words = arguments.subcommand.operandWords.joined(separator: ", ")
        return fail("\(arguments.subcommand.name) needs one of: \(words)", ExitStatus.usage)
    }
    Terminal.print(text)
    return ExitStatus.success
}

private func serve(_ arguments: Arguments) throws(UsageError) -> Int32 {
    if arguments.has("generate-config") {
        Terminal.print(Settings.generatedConfiguration)
        return ExitStatus.success
    }
    if arguments.has("generate-unit") {
        Terminal.print(try ServiceUnit.text(executable: ProcessFacts.executablePath, flags: arguments.options))
        return ExitStatus.success
    }
    do {
        let launch = try Launch(flags: arguments.options, environment: Environment.all)
        guard arguments.has("check-config") else { return ServerMain.run(launch) }
        _ = try launch.password()
        let peers = try launch.peerOptions()
        for warning in launch.warnings + peers.warnings { Terminal.printError("a2: \(warning)\n") }
        let isJSON = arguments.has("json")
        Terminal.print(isJSON ? launch.settings.jsonReport : launch.settings.report)
        return ExitStatus.success
    } catch {
        return fail(error.description, ExitStatus.configuration)
    }
}
