/// The signals a server answers to, read like any other event of a loop.
///
/// Made first thing in `main`, before any thread: threads inherit what is blocked.
import CLinux

public struct Signals: ~Copyable {
    public enum Signal: Int32, Sendable {
        case hangUp = 1
        case interrupt = 2
        case userOne = 10
        case terminate = 15
    }

    private let source: Descriptor

    /// Blocks the signals and ignores SIGPIPE, so that a write to a closed connection is an error result.
    public init() throws(SystemError) {
        source = Descriptor(owning: try check(a2_signals_open(), "receive signals"))
    }

    /// To poll for reading.
    public var descriptor: Int32 { source.number }

    /// The next signal waiting, nil when there is none.
    public func next() -> Signal? { Self.read(descriptor) }

    /// The same from a descriptor that was taken.
    public static func read(_ descriptor: Int32) -> Signal? { Signal(rawValue: a2_signals_read(descriptor)) }

    /// For a process that keeps them to its end; the caller owns the descriptor.
    public consuming func takeDescriptor() -> Int32 { source.release() }
}
