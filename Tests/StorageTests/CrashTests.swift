/// Crashes at every operation, with everything a disk may do to what was not synced.
import Base
import OS
import Simulator
import Storage
import Testing

struct CrashTests {
    /// Several lives of one node on one disk; returns why it is broken.
    static func failure(seed: UInt64, lives: Int = 6, faults: StorageFaults = [], syncLies: Bool = false) -> String? {
        var random = SeededRandom(seed: seed)
        let disk = SimDisk(seed: random.next())
        var life = StoredLife(disk: disk, model: StorageModel(), random: SeededRandom(seed: random.next()))
        life.faults = faults
        // A stale batch needs one of its length before it.
        if faults.contains(.tailKept) { life.sizes = [40] }
        for number in 0..<lives {
            disk.syncLies = syncLies
            disk.writesShort = random.below(3) == 0
            disk.operationsLeft = random.below(3) == 0 ? Int.max : 20 + random.below(300)
            if random.below(3) == 0 {
                let kinds: [SimDisk.Operation] = [.write, .sync, .syncDirectory, .rename, .allocate, .remove]
                disk.failures = [kinds[random.below(kinds.count)]: random.below(2) == 0 ? 5 : 28]
            }
            do {
                try life.run(steps: 20 + random.below(150))
            } catch let error as Broken {
                return "seed \(seed), life \(number): \(error)"
            } catch let error as StorageError {
                // What the disk was told to refuse ends a life; damage it has not done.
                guard error.errno == 5 || error.errno == 28 else { return "seed \(seed), life \(number): \(error)" }
            } catch {
                return "seed \(seed), life \(number): \(error)"
            }
            if random.below(3) == 0 { disk.kill() } else { disk.crash() }
        }
        return nil
    }

    @Test(
        "What was synced survives every crash, nothing else comes back out of order, and no crash is taken for damage")
    func crashes() {
        for seed in 0..<seedCount(600) {
            let failure = Self.failure(seed: UInt64(seed))
            #expect(failure == nil)
            if failure != nil { return }
        }
    }

    @Test(
        "Rules left out are noticed",
        arguments: ["a stale tail is kept", "syncs do nothing"])
    func mutations(_ rule: String) {
        let found = (0..<seedCount(2000)).contains {
            Self.failure(
                seed: UInt64($0), faults: rule == "a stale tail is kept" ? .tailKept : [],
                syncLies: rule == "syncs do nothing") != nil
        }
        #expect(found, "\(rule), and nothing noticed")
    }
}

/// Few where every build runs them, as many as A2_STORAGE_SEEDS asks for.
func seedCount(_ usual: Int) -> Int { environmentNumber("A2_STORAGE_SEEDS") ?? usual }
