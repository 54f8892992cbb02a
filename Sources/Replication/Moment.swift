/// A point in time as the shell hands it in: nothing in here asks a clock.
///
/// The wall may jump in either direction; intervals are measured on the monotonic side alone.
public struct Moment: Equatable, Sendable {
    public var unixMilliseconds: Int64
    public var monotonicMilliseconds: Int64

    public init(unixMilliseconds: Int64, monotonicMilliseconds: Int64) {
        self.unixMilliseconds = unixMilliseconds
        self.monotonicMilliseconds = monotonicMilliseconds
    }
}
