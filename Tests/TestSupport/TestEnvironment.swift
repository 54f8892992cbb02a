/// What a test run is told from outside, and where it finds the programs it drives.
///
/// Nothing here skips a test: a missing program is an error that names the command which installs it.
import Foundation

public enum TestEnvironment {
    public static func variable(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    public static func integer(_ name: String) -> Int? { variable(name).flatMap { Int($0) } }

    /// Tests that take gigabytes or minutes run only when asked for.
    public static var runsSlowTests: Bool { variable("A2_SLOW_TESTS") != nil }

    /// `A2_SUBJECT=redis` points every end-to-end test at a second redis-server: the check of the tests themselves.
    public static var subject: ServerProcess.Kind { variable("A2_SUBJECT") == "redis" ? .redis : .a2 }

    public static let installCommand = "apt-get install redis-server redis-tools python3-redis"

    /// The program `name` from PATH.
    public static func program(_ name: String) throws -> String {
        for folder in (variable("PATH") ?? "/usr/bin:/bin").split(separator: ":") {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw TestSupportError("\(name) is not installed; the end-to-end tests need it: \(installCommand)")
    }

    /// `A2_BINARY`, or the a2 that the build put next to the running test executable.
    public static func a2Binary() throws -> String {
        if let path = variable("A2_BINARY") { return path }
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
        // A test bundle may be a folder with the executable some levels down.
        for _ in 0..<4 {
            let path = folder.appendingPathComponent("a2").path
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
            folder.deleteLastPathComponent()
        }
        throw TestSupportError("no a2 next to \(executable): run swift build first, or set A2_BINARY")
    }

    /// A python3 that can import redis-py: the first of PATH, then Debian's own.
    public static func pythonWithRedis() throws -> String {
        for python in [try? program("python3"), "/usr/bin/python3"].compactMap({ $0 }) {
            let check = try? ChildProcess.run(python, ["-c", "import redis"])
            if check?.exit == .exited(0) { return python }
        }
        throw TestSupportError("no python3 with redis-py: \(installCommand), or pip install redis")
    }
}

public struct TestSupportError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// A folder that goes away with its owner.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("a2-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    public func file(_ name: String) -> String { "\(path)/\(name)" }

    public func write(_ text: String, to name: String) throws -> String {
        let target = file(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: target))
        return target
    }
}
