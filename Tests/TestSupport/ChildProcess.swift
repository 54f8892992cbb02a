/// A child process with its output in a file: started, signalled and waited for by its own pid only.
import Foundation
import Glibc
import Synchronization

public final class ChildProcess: Sendable {
    public enum Exit: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    public let identifier: pid_t
    public let outputPath: String
    private let exit = Mutex<Exit?>(nil)

    /// Starts `program` with stdout and stderr appended to `outputPath`, and stdin from `inputPath`.
    public init(
        _ program: String, _ arguments: [String], outputPath: String, inputPath: String = "/dev/null",
        environment: [String: String] = [:]
    ) throws {
        self.outputPath = outputPath
        identifier = try spawn(program, arguments, environment: environment) { actions in
            posix_spawn_file_actions_addopen(&actions, 0, inputPath, O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
    }

    deinit {
        signal(SIGKILL)
        waitForExit(seconds: 10)
    }

    /// How the process ended, or nil while it runs.
    public var exitStatus: Exit? {
        exit.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            guard waitpid(identifier, &status, WNOHANG) == identifier else { return nil }
            known = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
            return known
        }
    }

    public var isRunning: Bool { exitStatus == nil }

    public func signal(_ number: Int32) {
        // A pid that was reaped may belong to somebody else by now.
        if isRunning { kill(identifier, number) }
    }

    @discardableResult
    public func waitForExit(seconds: Double) -> Exit? {
        poll(forSeconds: seconds) { exitStatus != nil }
        return exitStatus
    }

    public var output: String {
        String(decoding: FileManager.default.contents(atPath: outputPath) ?? Data(), as: UTF8.self)
    }

    /// Resident memory, or 0 when the process is gone.
    public var residentBytes: Int { statusKilobytes("VmRSS:") * 1024 }

    /// The highest resident memory so far.
    public var peakResidentBytes: Int { statusKilobytes("VmHWM:") * 1024 }

    private func statusKilobytes(_ field: String) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8) else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix(field) {
            return line.split(separator: " ").compactMap { Int($0) }.first
                ?? line.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first ?? 0
        }
        return 0
    }

    /// Runs a program to its end and returns what it printed.
    public static func run(
        _ program: String, _ arguments: [String], input: String = "", seconds: Double = 60,
        environment: [String: String] = [:]
    ) throws -> (exit: Exit, output: String) {
        let directory = try TemporaryDirectory()
        let child = try ChildProcess(
            program, arguments, outputPath: directory.file("output"),
            inputPath: try directory.write(input, to: "input"),
            environment: environment)
        guard let exit = child.waitForExit(seconds: seconds) else {
            let soFar = child.output
            throw TestSupportError(
                "\(program) \(arguments.joined(separator: " ")) did not end in \(seconds) s: \(soFar)")
        }
        return (exit, child.output)
    }
}
