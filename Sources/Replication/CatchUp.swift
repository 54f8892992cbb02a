/// How a peer goes on whose next frame is `position` of this node's window: the order of the repair ladder.
///
/// From the window while that has it; then from the log, which has the same entries in the same order; then by comparing
/// states. The log costs what was written meanwhile, a state at most what there is: where the range of the log is longer
/// than all data, the state is cheaper, however little of it has changed.

public enum CatchUp: Equatable, Sendable {
    case window
    /// Read from this place of the log on, to its end.
    case log(LogPlace)
    case state(Reason)

    public enum Reason: Equatable, Sendable, CustomStringConvertible {
        /// Nobody knows what the peer has, or not as positions of this window.
        case placeUnknown
        case noLog
        case logBeginsLater
        case logIsDearer(logBytes: UInt64, dataBytes: UInt64)

        public var description: String {
            switch self {
            case .placeUnknown: "where it stands is not known"
            case .noLog: "this node keeps no log"
            case .logBeginsLater: "the log does not reach back that far"
            case .logIsDearer(let logBytes, let dataBytes):
                "the \(logBytes) bytes of log since then are more than the \(dataBytes) bytes of data"
            }
        }
    }

    /// A range of the log as short as this is read whatever the size of the data: one segment.
    public static let logBytesAlways: UInt64 = 64 << 20

    /// `windowRange`: what is still in the window. `dataBytes`: what all data takes in memory.
    public static func choose(
        position: UInt64?, windowRange: ClosedRange<UInt64>, places: LogPlaces?, dataBytes: UInt64
    ) -> CatchUp {
        guard let position, position <= windowRange.upperBound else { return .state(.placeUnknown) }
        if position >= windowRange.lowerBound { return .window }
        guard let places, let newest = places.newest else { return .state(.noLog) }
        guard let place = places.place(before: position) else { return .state(.logBeginsLater) }
        let logBytes = newest.log - place.log
        guard logBytes <= max(dataBytes, logBytesAlways) else {
            return .state(.logIsDearer(logBytes: logBytes, dataBytes: dataBytes))
        }
        return .log(place)
    }
}
