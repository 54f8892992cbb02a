/// Readers on files that something has chewed on: no crash, no hang, no memory beyond the file's size, and never a
/// value that was not written. A2_FUZZ_SECONDS makes it longer.
import Base
import Foundation
import OS
import Simulator
import Storage
import Testing

struct FuzzTests {
    /// One to four changes of the kinds that files suffer.
    static func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        for _ in 0..<1 + random.below(4) where !bytes.isEmpty {
            let at = random.below(bytes.count)
            let count = 1 + random.below(min(bytes.count - at, 64))
            switch random.below(8) {
            case 0: bytes[at] ^= 1 << UInt8(random.below(8))
            case 1: bytes[at] = UInt8(random.below(256))
            case 2: bytes.removeLast(bytes.count - at)
            case 3: bytes.removeSubrange(at..<at + count)
            case 4: bytes.insert(contentsOf: bytes[at..<at + count], at: random.below(bytes.count))
            case 5: for index in at..<at + count { bytes[index] = 0 }
            case 6: for index in at..<at + count { bytes[index] = 0xFF }
            default: bytes.append(contentsOf: bytes[at..<at + count])
            }
        }
    }

    static func outcome(_ body: () throws -> Void) -> StorageError? {
        do {
            try body()
            return nil
        } catch let error as StorageError {
            return error
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    @Test("Mutated files are read right or refused") func mutated() throws {
        let seconds = environmentNumber("A2_FUZZ_SECONDS") ?? 3
        let seed = environmentNumber("A2_FUZZ_SEED").map { UInt64($0) } ?? 1
        var random = SeededRandom(seed: seed)
        let small = try DamageTests.make()
        let header = SnapshotHeader(
            createdUnixMilliseconds: 1, owner: DamageTests.owner, clusterName: "cluster", databaseCount: 16, start: 9)
        var encoder = SnapshotEncoder(header, partitionsMax: 8)
        for partition in 0..<8 {
            encoder.append(partition: partition, ByteView("some state of a partition, and some more of it"))
            encoder.end(partition: partition)
        }
        encoder.finish(SnapshotFooter(partitionCount: 8, keyCount: 1, digest: 2, end: 9, versions: [1]))
        small.disk.setBytes(encoder.output.array, of: "/data/snapshot/00000001.a2s")
        let paths = small.disk.paths.filter { !$0.hasSuffix("LOCK") && !$0.hasSuffix("next") }
        let originals = paths.map { small.disk.bytes(of: $0) ?? [] }
        let end = Date().addingTimeInterval(Double(seconds))
        var (runs, refusals) = (0, 0)
        while Date() < end {
            for _ in 0..<50 {
                let index = random.below(paths.count)
                var bytes = originals[index]
                Self.mutate(&bytes, &random)
                small.disk.setBytes(bytes, of: paths[index])
                let refusal = try Self.readAll(
                    small, isUnchanged: bytes == originals[index], "seed \(seed), run \(runs)")
                small.disk.setBytes(originals[index], of: paths[index])
                runs += 1
                refusals += refusal
            }
        }
        #expect(refusals > runs / 4)
        if environmentNumber("A2_FUZZ_SECONDS") != nil { print("\(runs) mutated files, \(refusals) refused") }
    }

    /// Everything that reads, and what each may answer. Returns whether something was refused.
    private static func readAll(_ small: DamageTests.Small, isUnchanged: Bool, _ place: String) throws -> Int {
        let log = try DamageTests.readLog(small)
        #expect(log?.errno == nil, "\(place): a log that was never written")
        let directory = try DataDirectory("/data", on: small.disk, for: .watching)
        let identity = outcome {
            let identity = try IdentityFile.read(from: directory)
            #expect(identity == small.identity, "\(place): an identity that was never written")
        }
        let manifest = outcome {
            let manifest = try Manifest.read(from: directory)
            #expect(manifest.snapshots.isEmpty, "\(place): snapshots that were never made")
        }
        let snapshot = outcome {
            let reader = try SnapshotReader("/data/snapshot/00000001.a2s", on: small.disk)
            try reader.verify()
            #expect(reader.partitionNumbers.count == 8 && reader.footer.digest == 2, "\(place): another snapshot")
        }
        let tail = outcome {
            var tail = try LogTail(directory)
            var count = 0
            while case .batch(let batch) = try tail.next() {
                #expect(small.contents.contains(batch.content.array), "\(place): a batch that was never written")
                count += 1
            }
            #expect(count <= small.contents.count, "\(place): \(count) batches")
        }
        let refused = [log, identity, manifest, snapshot, tail].compactMap { $0 }
        if isUnchanged { #expect(refused.isEmpty, "\(place): refused what was not changed") }
        for error in refused { #expect(!error.description.isEmpty) }
        return refused.isEmpty ? 0 : 1
    }
}
