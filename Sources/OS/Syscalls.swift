/// How a refused system call reaches the rest: as a typed error that says what was tried.
///
/// The wrappers of CLinux return the negated errno, so that nothing can overwrite it on the way here.
import CLinux

public struct SystemError: Error, Equatable {
    /// What was tried, as words that follow "cannot": "listen on 127.0.0.1:6379".
    public let operation: String
    public let errno: Int32

    public init(operation: String, errno: Int32) {
        self.operation = operation
        self.errno = errno
    }
}

extension SystemError: CustomStringConvertible {
    public var description: String { "cannot \(operation): \(reason)" }

    /// The system's own words: "Address already in use".
    public var reason: String {
        if -errno <= Int32(A2_RESOLVE_FAILED) + 100 { return String(cString: a2_resolve_error_text(-errno)) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard let start = text.baseAddress else { return "error \(errno)" }
            a2_error_text(errno, start, text.count)
            return String(cString: start)
        }
    }
}

/// The result of a CLinux call, or its failure thrown.
@discardableResult
func check(_ result: Int32, _ operation: @autoclosure () -> String) throws(SystemError) -> Int32 {
    if result < 0 { throw SystemError(operation: operation(), errno: -result) }
    return result
}

/// Error numbers the hot path compares raw results with, negated as CLinux returns them.
public enum Refusal {
    /// Nothing to read, no room to write: EAGAIN.
    public static let wouldBlock = -11
    public static let connectionReset = -104
    public static let brokenPipe = -32
    /// Out of descriptors, of this process or of the system: EMFILE, ENFILE.
    public static let descriptorsOfProcess = -24
    public static let descriptorsOfSystem = -23
    /// The peer gave up before it was accepted: ECONNABORTED.
    public static let connectionAborted = -103
}
