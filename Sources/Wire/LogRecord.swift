/// What an entry of the log says; Storage keeps entries as bytes and knows of their kinds only the number.
///
///     frames      frames, one behind the other: one, or those of a MULTI, which are replayed all or none. Those of a
///                 MULTI too large for that are several entries, of one batch: that is read whole or not at all
///     largeFrame  a frame with flag `elided`, then the records it left out
///     state       partition(1) flags(1), then a state as `StateExport` writes it: joined, or put in place of all
///                 that the partition held
///     keyStates   partition(1), then states of single keys of a repair: of two the later one stays
///     event       kind(1), then what it says of the whole node
///
/// The order in the log is, partition by partition, the order in which things were applied.
import Base
import CRDT
import Replication

public enum LogRecordKind: Int, Sendable {
    case frames = 1
    case largeFrame = 2
    case state = 3
    case keyStates = 4
    case event = 5

    /// As what an entry of the log buffer goes into the log; nil for marks, which do not.
    public init?(_ kind: Window.Kind) {
        switch kind {
        case .groupBegins, .groupEnds: return nil
        case .own, .foreign: self = .frames
        case .ownLarge: self = .largeFrame
        case .state: self = .state
        case .keyStates: self = .keyStates
        case .event: self = .event
        }
    }
}

public struct LogStateFlags: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// What the partition held before is gone: it was renamed.
    public static let replaces = LogStateFlags(rawValue: 1)
    /// The sender's word for this replica's own past was taken.
    public static let adoptsOwnPast = LogStateFlags(rawValue: 2)
}

/// Something that happened to the node as a whole.
public enum LogEvent: Equatable, Sendable {
    /// The node goes on as another generation.
    case goesOn(as: Replica)
    /// From here on there are peers: what only this node has is not stable.
    case startsCounting
    /// What every member has applied, what may be forgotten, and up to where everything of each replica is here.
    case cuts(cut: Stamp, settleCut: Stamp, fences: Versions)

    public func encode(to out: inout ByteBuffer) {
        switch self {
        case .goesOn(let replica):
            out.append(1 as UInt8)
            out.append(littleEndian: replica.rawValue)
        case .startsCounting: out.append(2 as UInt8)
        case .cuts(let cut, let settleCut, let fences):
            out.append(3 as UInt8)
            out.append(littleEndian: cut.rawValue)
            out.append(littleEndian: settleCut.rawValue)
            out.append(varint: fences.stamps.count)
            for fence in fences.stamps { out.append(littleEndian: fence.rawValue) }
        }
    }

    /// Nil where the bytes are none.
    public static func decode(_ bytes: ByteView) -> LogEvent? {
        var reader = ByteReader(bytes)
        let event: LogEvent
        switch reader.byte() {
        case 1:
            let number = reader.littleEndian(UInt16.self)
            guard reader.isValid, number < Replica.countMax, number & 0xFF > 0 else { return nil }
            event = .goesOn(as: Replica(rawValue: number))
        case 2: event = .startsCounting
        case 3:
            let cut = Stamp(rawValue: reader.littleEndian(UInt64.self))
            let settleCut = Stamp(rawValue: reader.littleEndian(UInt64.self))
            let count = reader.count()
            guard reader.isValid, count <= reader.remaining / 8 else { return nil }
            let fences = (0..<count).map { _ in Stamp(rawValue: reader.littleEndian(UInt64.self)) }
            event = .cuts(cut: cut, settleCut: settleCut, fences: Versions(fences))
        default: return nil
        }
        return reader.isValid && reader.isAtEnd ? event : nil
    }
}

/// One entry of the log, read.
public enum LogRecord {
    case frames(ByteView)
    case largeFrame(FrameHeader, records: ByteView)
    case state(partition: Int, LogStateFlags, ByteView)
    case keyStates(partition: Int, ByteView)
    case event(LogEvent)

    /// Nil where the bytes are none. Frames are not looked at.
    public init?(kind: Int, _ content: ByteView) {
        switch LogRecordKind(rawValue: kind) {
        case .frames: self = .frames(content)
        case .largeFrame:
            guard let frame = try? FrameCodec.decode(content), frame.header.isElided, frame.records.isEmpty else {
                return nil
            }
            var header = frame.header
            header.isElided = false
            self = .largeFrame(header, records: content.dropFirst(frame.byteCount))
        case .state:
            guard content.count >= 2 else { return nil }
            self = .state(
                partition: Int(content[0]), LogStateFlags(rawValue: content[1]), content.dropFirst(2))
        case .keyStates:
            guard content.count >= 1 else { return nil }
            self = .keyStates(partition: Int(content[0]), content.dropFirst(1))
        case .event:
            guard let event = LogEvent.decode(content) else { return nil }
            self = .event(event)
        case nil: return nil
        }
    }
}
