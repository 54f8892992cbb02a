/// What of the log a peer is sent that has fallen behind the window: what the window would have had for it.
import Base

public enum FramesOfEntry {
    /// The entry is for the log alone.
    case none
    /// One behind the other.
    case frames(ByteView)
    /// What was written before has other stamps since: no peer can go on from there.
    case renamed
    /// Some of what this node had written came back as a state: as frames nobody has it from here.
    case recovered

    /// `content` may be the front of an entry of which the rest is of no use here.
    public static func read(
        kind: Int, _ content: ByteView, isWhole: Bool, of origin: Replica
    ) throws(FrameCodec.Failure) -> FramesOfEntry {
        switch LogRecordKind(rawValue: kind) {
        case .frames:
            let (_, byteCount) = try FrameCodec.place(of: content)
            guard try FrameCodec.origin(of: content) == origin else { return .none }
            guard isWhole, byteCount <= content.count else { throw .incomplete }
            return .frames(content)
        case .largeFrame:
            // Its records stand behind it; peers see that they are missing, and fetch the keys.
            let (_, byteCount) = try FrameCodec.place(of: content)
            return try FrameCodec.origin(of: content) == origin ? .frames(content.slice(0, byteCount)) : .none
        case .state:
            guard content.count >= 2 else { throw .malformed }
            let flags = LogStateFlags(rawValue: content[1])
            if flags.contains(.replaces) { return .renamed }
            return flags.contains(.adoptsOwnPast) ? .recovered : .none
        case .keyStates, .event, nil: return .none
        }
    }
}
