/// Starting a program with no signal blocked or ignored, whatever the test runner does with its own.
import Foundation
import Glibc

/// `files` says what the program finds open; `environment` is added to the runner's own.
func spawn(
    _ program: String, _ arguments: [String], environment: [String: String], isSessionLeader: Bool = false,
    files: (inout posix_spawn_file_actions_t) -> Void
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    files(&actions)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    // POSIX_SPAWN_SETSID, whose name the importer does not take.
    let newSession: Int32 = isSessionLeader ? 0x80 : 0
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | newSession))
    let merged = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    let environmentStrings = merged.map { "\($0.key)=\($0.value)" }.sorted()
    var argumentPointers: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    var environmentPointers: [UnsafeMutablePointer<CChar>?] = environmentStrings.map { strdup($0) } + [nil]
    defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
    var started: pid_t = 0
    let failure = posix_spawn(&started, program, &actions, &attributes, &argumentPointers, &environmentPointers)
    guard failure == 0 else {
        throw TestSupportError("cannot start \(program): \(String(cString: strerror(failure)))")
    }
    return started
}
