/// `a2 inspect` as a program: on running nodes, on logs written here, damaged and not.
import Base
import CRDT
import Engine
import Foundation
import Storage
import TestSupport
import Testing
import Wire

@testable import Offline

private func run(_ words: String...) throws -> (status: Int32, output: String) {
    let result = try ChildProcess.run(try TestEnvironment.a2Binary(), ["inspect"] + words)
    guard case .exited(let status) = result.exit else { throw TestSupportError("\(words): \(result)") }
    return (status, result.output)
}

private let start: Int64 = 1_800_000_000_000

private func stamp(_ milliseconds: Int64, node: UInt8 = 1) -> Stamp {
    Stamp(
        tick: UInt64(start + milliseconds - Stamp.epochMilliseconds) << Stamp.counterBits,
        replica: Replica(node: node, generation: 0))
}

/// A data directory with frames in its log, closed as a node that stops in order closes it.
private struct LogFixture {
    let directory: TemporaryDirectory
    var path: String { directory.file("data") }
    var segment: String { path + "/log/00000001.a2l" }

    init(frames: Int = 20) throws {
        directory = try TemporaryDirectory()
        let store = try DataDirectory(path, on: SystemDisk(), for: .serving(processIdentifier: 1))
        let owner = LogOwner(node: 1, generation: 0, incarnation: 77)
        var identity = try IdentityFile(creating: Identity(owner: owner, clusterName: "a2"), in: store)
        let log = try LogRecovery.open(store, from: 0, durable: 0, owner: owner)
        var writer = try LogWriter.open(continuing: log, in: store, owner: owner, segmentBytes: 1 << 16)
        var last: [Int: Stamp] = [:]
        for index in 0..<frames {
            let frame = LogFixture.frame(index, &last)
            var entry = ByteBuffer()
            LogEntry.appendHead(kind: LogRecordKind.frames.rawValue, length: frame.count, into: &entry)
            entry.append(frame)
            try writer.append(entry.view, entryCount: 1, unixMilliseconds: start + Int64(index))
        }
        try identity.markClean(logPosition: try writer.finishCleanly())
    }

    /// A SET, and for every fifth key a counter.
    private static func frame(_ index: Int, _ last: inout [Int: Stamp]) -> [UInt8] {
        var records = ByteBuffer()
        let name = Array("key:\(index)".utf8)
        let partition = name.withView { Slots.partition(of: $0) }
        name.withView { name in
            Array("value \(index)".utf8).withView { value in
                if index % 5 == 4 {
                    RecordCodec.appendIncrement(
                        database: 0, key: name, amount: Int64(index), createsKey: true, to: &records)
                } else {
                    RecordCodec.appendSet(database: 0, key: name, value: value, deadline: nil, to: &records)
                }
            }
        }
        let now = stamp(Int64(index))
        let prev = last[partition] ?? .zero
        last[partition] = now
        var header = ByteBuffer()
        FrameCodec.encodeHeader(
            partition: partition, stamp: now, prev: prev, cut: prev, dependencies: FewStamps(),
            hasAllDependencies: true, isElided: false, isGrouped: false, records: records.view, into: &header)
        return header.array + records.array
    }

    func flip(_ offset: Int) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
        bytes[offset] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: segment))
    }
}

@Suite(.serialized) struct InspectToolTests {
    @Test("The log is printed entry by entry, filtered, counted, and as JSON")
    func log() throws {
        let log = try LogFixture()
        let all = try run("log", "--data-dir", log.path)
        #expect(all.status == 0, "\(all.output)")
        #expect(all.output.contains("\"key:3\" = \"value 3\"") && all.output.contains("\"key:4\" clear, + 4 (run 4)"))
        #expect(all.output.split(separator: "\n").filter { $0.contains("  frame  ") }.count == 20)
        func frames(_ words: String...) throws -> Int {
            let result = try ChildProcess.run(
                try TestEnvironment.a2Binary(), ["inspect", "log", "--data-dir", log.path, "--quiet", "--json"] + words)
            #expect(result.exit == .exited(0), "\(words): \(result.output)")
            return result.output.split(separator: "\n").filter { $0.contains("\"kind\":\"frame\"") }.count
        }
        #expect(try frames() == 20)
        #expect(try frames("--key", "key:1?") == 10)
        #expect(try frames("--type", "increment") == 4)
        #expect(try frames("--from", "\(start + 5)", "--to", stamp(9).description) == 5)
        #expect(try frames("--limit", "3") == 3)
        #expect(try frames("--replica", "2") == 0)
        #expect(try frames("2", "--limit", "3") == 0)
        let partition = Array("key:7".utf8).withView { Slots.partition(of: $0) }
        #expect(try frames("--partition", "\(partition)") >= 1)
        let counts = try run("log", "--data-dir", log.path, "--stats", "--json")
        #expect(
            counts.output.contains(#""frames":20"#) && counts.output.contains(#""increment":4"#), "\(counts.output)")
        let segments = try run("segments", "--data-dir", log.path, "--json")
        #expect(segments.status == 0 && segments.output.contains(#""batches":20"#), "\(segments.output)")
    }

    @Test("A key is found in the log, with its parts; one that is not there is an answer too")
    func key() throws {
        let log = try LogFixture()
        let counter = try run("key", "key:9", "--data-dir", log.path, "--json")
        #expect(counter.status == 0 && counter.output.contains(#""shows":"9""#), "\(counter.output)")
        let text = try run("key", "key:3", "--data-dir", log.path)
        #expect(text.status == 0 && text.output.contains("\"value 3\""), "\(text.output)")
        #expect(try run("key", "nothing", "--data-dir", log.path).status == 1)
        let saved = log.directory.file("s.a2s")
        let result = try ChildProcess.run(
            try TestEnvironment.a2Binary(), ["snapshot", "save", "--data-dir", log.path, "-o", saved])
        #expect(result.exit == .exited(0), "\(result.output)")
        let keys = try run("snapshot", saved, "--keys")
        #expect(keys.status == 0 && keys.output.split(separator: "\n").count == 20, "\(keys.output)")
        #expect(try run("snapshot", saved).output.contains("keys             20"))
    }

    @Test("A torn end is told and cut off on demand; damage below is told and left alone")
    func damage() throws {
        let log = try LogFixture()
        let store = try DataDirectory(log.path, on: SystemDisk(), for: .watching)
        let end = try LogFiles(store, from: 0).segments[0].scan().endOffset
        // The identity knows everything to be on disk: what is behind its position alone can be torn.
        var bytes = try Data(contentsOf: URL(fileURLWithPath: log.segment))
        for offset in end + 5..<end + 40 { bytes[offset] = 0xAB }
        try bytes.write(to: URL(fileURLWithPath: log.segment))
        let told = try run("log", "--data-dir", log.path, "--limit", "1")
        #expect(told.status == 0 && told.output.contains("incomplete"), "\(told.output)")
        let fixed = try run("log", "--data-dir", log.path, "--fix")
        #expect(fixed.status == 0 && fixed.output.contains("cut off"), "\(fixed.output)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: log.segment + ".bak")) == bytes)
        #expect(try run("log", "--data-dir", log.path, "--fix").output.contains("nothing to cut off"))
        #expect(!(try run("log", "--data-dir", log.path)).output.contains("incomplete"))
        #expect(try run("log", "--data-dir", log.path, "--stats", "--json").output.contains(#""frames":20"#))

        try log.flip(end - 60)
        let before = try Data(contentsOf: URL(fileURLWithPath: log.segment))
        for words in [["log"], ["log", "--fix"], ["segments"]] {
            let result = try ChildProcess.run(
                try TestEnvironment.a2Binary(), ["inspect"] + words + ["--data-dir", log.path])
            #expect(result.exit == .exited(5), "\(words): \(result.output)")
            #expect(result.output.contains("00000001.a2l"))
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: log.segment)) == before)
        #expect(try run("key", "key:1", "--data-dir", log.path).status == 5)
    }

    @Test("A directory in use is not read, but followed")
    func inUse() throws {
        let log = try LogFixture()
        let holder = try DataDirectory(log.path, on: SystemDisk(), for: .serving(processIdentifier: 4242))
        for verb in ["log", "segments"] {
            let refused = try run(verb, "--data-dir", log.path)
            #expect(refused.status == 1 && refused.output.contains("4242"), "\(refused.output)")
        }
        let followed = try run("log", "--data-dir", log.path, "--follow", "--limit", "20", "--quiet")
        #expect(followed.status == 0 && followed.output.split(separator: "\n").count == 20, "\(followed.output)")
        _ = holder.path
    }

    @Test("Running nodes: digests down to the key that differs, versions, peers, health, and the doctor")
    func nodes() throws {
        let first = try ServerProcess.start(.a2)
        let second = try ServerProcess.start(.a2)
        let (one, two) = ("127.0.0.1:\(first.port)", "127.0.0.1:\(second.port)")
        for server in [first, second] {
            let client = try server.connect()
            for index in 0..<100 { _ = try client.call("SET", "k:\(index)", "\(index)") }
        }
        #expect(try run("digest", "--node", one, "--node", two, "-q").status == 0)
        _ = try second.connect().call("SET", "k:7", "other")
        let differing = try run("digest", "--node", one, "--node", two, "--json")
        #expect(differing.status == 1 && differing.output.contains(#""key":"k:7""#), "\(differing.output)")
        #expect(!differing.output.contains(#""key":"k:8""#))
        let root = try run("digest", "--node", one, "--node", two, "--depth", "root", "--json")
        #expect(root.status == 1 && root.output.contains(#""parts":[]"#), "\(root.output)")
        let versions = try run("versions", "--node", one)
        #expect(versions.status == 0 && versions.output.contains("replica 1"), "\(versions.output)")
        #expect(try run("peers", "--node", one).output.contains("no peers"))
        let node = try run("node", one)
        #expect(node.status == 0 && node.output.contains("healthy"), "\(node.output)")
        let meta = try run("key", "k:7", "--node", one, "--json")
        #expect(meta.status == 0 && meta.output.contains(#""type":"string""#), "\(meta.output)")
        #expect(try run("key", "none", "--node", one).status == 1)
        // Both say that they are node 1, and neither knows the other.
        let doctor = try run("doctor", "--node", one, "--node", two)
        #expect(doctor.status == 1 && doctor.output.contains("are both node 1"), "\(doctor.output)")
        #expect(doctor.output.contains("has no link both ways"))
        let log = try LogFixture(frames: 1)
        let local = try run("doctor", "--data-dir", log.path, "--json")
        #expect(local.output.contains(#""check":"disk speed""#) && local.output.contains("node 1 of cluster"))
        #expect(try run("node", "127.0.0.1:\(try ServerProcess.freePort())").status == 3)
    }
}
