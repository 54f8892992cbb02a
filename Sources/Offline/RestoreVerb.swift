/// `a2 snapshot restore`: a data directory out of a snapshot, or its keys into a running node.
///
/// Whoever restores an old snapshot under the name it was written as would write stamps that its peers have seen
/// already, and they would silently drop what they stand for. So the node gets a new incarnation and goes on as the
/// next generation, and its identity says that it did not stop in order: peers are asked for its past first.
import Base
import Client
import Core
import Engine
import OS
import Options
import Storage

enum RestoreVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let source = try SnapshotOpening.file(try tool.operand(0, "FILE"))
        if let node = tool.value("into") { return try restore(source, into: node, tool) }
        if tool.has("as-new-writes") { throw UsageError("--as-new-writes needs --into URI") }
        guard let path = tool.value("data-dir") else {
            throw UsageError("restore needs --data-dir DIR, or --into URI --as-new-writes")
        }
        // All of it is looked at before anything is made.
        let survey = try SnapshotSurvey(source, tool)
        guard survey.digest.sum == survey.footer.digest else {
            throw ToolFailure.corrupt(
                "\(source.name): the digest is \(survey.digest.text), and was \(Fingerprint.hexadecimal(survey.footer.digest)) "
                    + "when it was written")
        }
        let plan = try RestorePlan(survey, tool)
        try prepare(path, tool)
        if !tool.has("dry-run") { try plan.carryOut(source, path) }
        plan.report(path, tool)
        return ExitStatus.success
    }

    /// Refuses a directory with something in it; with --force what is there goes.
    private static func prepare(_ path: String, _ tool: Tool) throws {
        var error: Int32 = 0
        guard let names = RawFile.list(path, error: &error) else {
            guard error == -StorageError.noEntry || error == StorageError.noEntry else {
                throw StorageError.system("list", path, errno: error.magnitude == 0 ? 5 : Int32(error.magnitude))
            }
            return
        }
        let left = names.filter { $0 != "." && $0 != ".." && $0 != "lost+found" }
        if left.isEmpty { return }
        guard left.contains("identity") || left.contains("LOCK") else {
            throw ToolFailure.refused("\(path) is not empty and no data directory of a2")
        }
        guard tool.has("force") else {
            throw ToolFailure.refused("\(path) holds a node's data already; --force replaces it")
        }
        if tool.has("dry-run") { return }
        // Nobody may be serving from it.
        do {
            let directory = try DataDirectory(path, on: SystemDisk(), for: .reading)
            _ = directory.path
        } catch {
            if case .busy = error.kind { throw error }
        }
        try clear(path, left)
    }

    /// Only what a data directory is made of.
    private static func clear(_ path: String, _ names: [String]) throws {
        // The identity goes first: a directory without one is new, whatever else is left in it.
        for name in ["identity", "MANIFEST"] where names.contains(name) { try remove(path + "/" + name) }
        for folder in ["log", "snapshot"] where names.contains(folder) {
            var error: Int32 = 0
            for name in RawFile.list(path + "/" + folder, error: &error) ?? [] where name != "." && name != ".." {
                try remove(path + "/" + folder + "/" + name)
            }
        }
    }

    private static func remove(_ path: String) throws {
        let result = RawFile.remove(path)
        if result < 0 { throw StorageError.system("remove", path, errno: -result) }
    }

    // MARK: into a running node

    private static func restore(_ source: any SnapshotSource, into node: String, _ tool: Tool) throws -> Int32 {
        guard tool.has("as-new-writes") else {
            throw UsageError(
                "--into writes every key of the snapshot anew, over what the cluster has: say so with --as-new-writes")
        }
        guard tool.value("data-dir") == nil else { throw UsageError("--into and --data-dir exclude each other") }
        let glob = Array((tool.value("key") ?? "*").utf8)
        let isDry = tool.has("dry-run")
        let writer =
            isDry
            ? nil
            : try NodeWriter(
                try NodeAccess.connect(node, tool.arguments), keepsExisting: tool.has("keep-existing"))
        let now = SystemClock.wallMilliseconds
        var losses = Losses()
        var keys = 0
        let progress = Progress(tool, "restoring into \(node)")
        _ = try source.forEachSection { (partition, _, state) throws(ToolFailure) in
            try VisibleKeys.forEach(in: state, partition: partition, at: now, &losses) { (key) throws(ToolFailure) in
                guard glob.withView({ GlobPattern($0).matchesName(key.name) }) else { return }
                keys += 1
                try writer?.write(key)
            }
            progress.show("\(keys) keys")
        }
        try writer?.flush()
        progress.end()
        return WriteReport.print(tool, keys: keys, writer, losses, isDry: isDry)
    }
}

/// What came of writing keys into a node.
enum WriteReport {
    static func print(_ tool: Tool, keys: Int, _ writer: NodeWriter?, _ losses: Losses, isDry: Bool) -> Int32 {
        let (written, kept, failed) = (writer?.written ?? 0, writer?.kept ?? 0, writer?.failed ?? 0)
        for line in losses.lines { tool.note(line) }
        if let error = writer?.firstError { tool.warn("\(failed) commands failed; the first: \(error)") }
        if tool.isJSON {
            tool.printJSON {
                $0.field("keys", keys)
                $0.field("written", written)
                $0.field("kept", kept)
                $0.field("failed", failed)
                $0.field("dry-run", isDry)
            }
        } else if isDry {
            tool.print("\(keys) keys would be written")
        } else {
            tool.print("\(written) keys written" + (kept > 0 ? ", \(kept) left as they were" : ""))
        }
        return failed == 0 ? ExitStatus.success : ExitStatus.negative
    }
}

/// Who the node of a restored directory will be.
struct RestorePlan {
    private let survey: SnapshotSurvey
    private let owner: LogOwner
    private let origin: SnapshotOrigin
    private let keepsIdentity: Bool

    init(_ survey: SnapshotSurvey, _ tool: Tool) throws {
        self.survey = survey
        keepsIdentity = tool.has("keep-identity")
        let old = survey.header.owner
        guard let written = SnapshotDescription.origin(survey.footer) else {
            throw ToolFailure.corrupt("\(survey.name) does not say which replica it was taken of")
        }
        let given = try tool.arguments.integer("node-id", in: 1...255)
        if keepsIdentity {
            guard tool.has("force") else {
                throw UsageError(
                    "--keep-identity gives stamps away twice if the node wrote anything after the snapshot, and its peers "
                        + "would drop what they stand for; only with --force")
            }
            guard given == nil else { throw UsageError("--keep-identity and --node-id exclude each other") }
            owner = old
            origin = written
            return
        }
        let incarnation = Entropy.bytes(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        let node = given.map { UInt8($0) } ?? written.replica.node
        let latest = Self.latestGeneration(of: node, survey.versions, written.replica)
        guard let generation = latest.map({ $0 + 1 }) ?? 0 as UInt8?, generation < 4 else {
            throw ToolFailure.refused(
                "node \(node) has used up its four generations; give the restored node another number with --node-id")
        }
        owner = LogOwner(node: UInt32(node), generation: UInt32(generation), incarnation: incarnation)
        // Another node writes under a name of its own and never had a past.
        origin = SnapshotOrigin(
            replica: node == written.replica.node ? written.replica : Replica(node: node, generation: generation),
            countsOthers: written.countsOthers)
    }

    /// The last generation of a node that the snapshot knows of; nil where it knows of none.
    private static func latestGeneration(of node: UInt8, _ versions: Versions, _ own: Replica) -> UInt8? {
        var latest: UInt8? = own.node == node ? own.generation : nil
        for stamp in versions.stamps where stamp.replica.node == node {
            latest = max(latest ?? 0, stamp.replica.generation)
        }
        return latest
    }

    private var identity: Identity {
        var identity = Identity(owner: owner, clusterName: survey.header.clusterName)
        // No stamp in it is later, and none may be given out again.
        let newest = max(survey.newest.unixMilliseconds, survey.header.createdUnixMilliseconds)
        identity.leaseUnixMilliseconds = UInt64(max(newest, 0))
        return identity
    }

    /// The identity is written last: a directory that a crash leaves half made is a new one.
    func carryOut(_ source: any SnapshotSource, _ path: String) throws {
        let directory = try DataDirectory(
            path, on: SystemDisk(), for: .serving(processIdentifier: Int(ProcessFacts.id)))
        var manifest = try Manifest.read(from: directory)
        let header = SnapshotHeader(
            createdUnixMilliseconds: survey.header.createdUnixMilliseconds, owner: owner,
            clusterName: survey.header.clusterName, databaseCount: survey.header.databaseCount, start: 0)
        let number = manifest.nextNumber
        let target = DirectoryTarget(try SnapshotWriter(number: number, in: directory, header))
        var footer = survey.footer
        footer.end = 0
        footer.versions = origin.encoded
        _ = try source.forEachSection { (partition, pieces, state) throws(ToolFailure) in
            try target.section(partition, pieces: pieces, state)
        }
        try target.finish(footer)
        let facts = SnapshotFacts(
            number: number, start: 0, end: 0, createdUnixMilliseconds: header.createdUnixMilliseconds,
            bytes: UInt64(target.byteCount), keys: footer.keyCount)
        try directory.keep(facts, in: &manifest, keeping: 1, durablePosition: 0)
        _ = try IdentityFile(creating: identity, in: directory)
    }

    func report(_ path: String, _ tool: Tool) {
        let isDry = tool.has("dry-run")
        if tool.isJSON {
            return tool.printJSON { json in
                json.field("data-dir", path)
                json.field("keys", survey.digest.keys)
                json.field("digest", survey.digest.text)
                json.field("node", Int(owner.node))
                json.field("generation", Int(owner.generation))
                json.field("incarnation", String(owner.incarnation, radix: 16))
                json.field("cluster", survey.header.clusterName)
                json.field("dry-run", isDry)
            }
        }
        tool.print(
            "\(path): \(isDry ? "would hold" : "holds") \(survey.digest.keys) keys of \(survey.name), for node "
                + "\(owner.node), generation \(owner.generation), of cluster '\(survey.header.clusterName)'"
                + (keepsIdentity ? ", under its old identity" : ""))
    }
}

/// A snapshot on its way into a data directory.
private final class DirectoryTarget: SnapshotTarget {
    private var writer: SnapshotWriter<SystemDisk>
    private(set) var byteCount = 0

    init(_ writer: consuming SnapshotWriter<SystemDisk>) { self.writer = writer }

    func section(_ partition: Int, pieces: [Int], _ state: ByteView) throws(ToolFailure) {
        do throws(StorageError) {
            var at = 0
            for piece in pieces {
                try writer.append(partition: partition, state.slice(at, piece))
                at += piece
            }
            try writer.end(partition: partition)
        } catch { throw .storage(error) }
    }

    func finish(_ footer: SnapshotFooter) throws(ToolFailure) {
        do throws(StorageError) { byteCount = try writer.finish(footer) } catch { throw .storage(error) }
    }
}
