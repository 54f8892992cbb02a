/// Disks and clocks that behave badly: C beside these tests, made into libraries that are put under a process by LD_PRELOAD.
import Foundation
import TestSupport

enum Shim: String {
    case clock = "set_clock"
    case full = "full_disk"
    case lossy = "lossy_disk"
    case still = "still_disk"

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path

    /// Compiles it; returns the library's path.
    func build(in directory: TemporaryDirectory) throws -> String {
        let library = directory.file("\(rawValue).so")
        let built = try ChildProcess.run(
            TestEnvironment.program("gcc"),
            [
                "-shared", "-fPIC", "-O1", "-o", library, "\(Self.folder)/\(rawValue).c", "-ldl", "-lpthread",
            ])
        guard built.exit == .exited(0) else { throw TestSupportError("\(rawValue):\n\(built.output)") }
        return library
    }
}
