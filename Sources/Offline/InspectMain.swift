/// Where `a2 inspect` begins.
import Options

public enum InspectMain {
    public static func run(_ arguments: Arguments) -> Int32 {
        Tool.run(arguments) { tool in
            switch tool.verb {
            case "log": try LogVerb.run(tool)
            case "segments": try SegmentsVerb.run(tool)
            case "snapshot": try InspectSnapshotVerb.run(tool)
            case "key": try KeyVerb.run(tool)
            case "digest": try DigestVerb.run(tool)
            case "versions": try VersionsVerb.run(tool)
            case "peers": try PeersVerb.run(tool)
            case "node": try NodeVerb.run(tool)
            case "doctor": try DoctorVerb.run(tool)
            default: throw UsageError("inspect needs a verb: log, segments, snapshot, key, digest, versions, peers, …")
            }
        }
    }
}

extension Tool {
    var dataDirectory: String { value("data-dir") ?? "./a2-data" }

    /// A line of a stream, NDJSON.
    func printLine(_ body: (inout JSONOutput) -> Void) { printJSON(body) }
}
