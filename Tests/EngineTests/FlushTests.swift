/// FLUSHDB at one replica and what becomes of it at another.
import Base
import CRDT
import Testing

@testable import Engine

/// One partition of one node, and the frames it has written.
private final class FlushingReplica {
    let partition: UnsafeMutablePointer<Partition>
    let context: UnsafeMutablePointer<ExecutionContext>
    var frames: [(FrameContext, [UInt8])] = []

    init(node: UInt8, members: [UInt8] = [1, 2]) {
        partition = .allocate(capacity: 1)
        partition.initialize(
            to: Partition(index: 0, replica: Replica(node: node, generation: 0), hashSeed: UInt64(node)))
        if members.count > 1 { partition.pointee.startCounting() }
        context = .allocate(capacity: 1)
        context.initialize(to: ExecutionContext(random: SeededRandom(seed: 1)))
        context.pointee.nowMilliseconds = Stamp.epochMilliseconds + 1000
    }

    deinit {
        partition.deinitialize(count: 1)
        partition.deallocate()
        context.deinitialize(count: 1)
        context.deallocate()
    }

    private func with(_ name: String, _ body: (KeyHandle) -> Void) {
        Array(name.utf8).withView { name in
            body(
                KeyHandle(
                    partition: partition, context: context, database: 0, hash: partition.pointee.hash(of: name),
                    name: name))
        }
    }

    /// Runs one command and keeps its frame.
    func write(isAccumulated: Bool = false, _ body: () -> Void) {
        context.pointee.nowMilliseconds += 1
        context.pointee.accumulates = isAccumulated
        body()
        guard !partition.pointee.draftStamp.isZero else { return }
        if isAccumulated { partition.pointee.writeAccumulated(&context.pointee) }
        frames.append(
            (
                FrameContext(
                    stamp: partition.pointee.draftStamp, dependencies: partition.pointee.dependencies,
                    prev: partition.pointee.latestOwnStamp, cut: partition.pointee.announcedCut),
                context.pointee.records.array
            ))
        context.pointee.records.removeAll()
        partition.pointee.closeDraft()
        context.pointee.endAccumulating()
    }

    func set(_ name: String, _ value: String) {
        Array(value.utf8).withView { value in with(name) { $0.set(.bytes(value)) } }
    }

    func increment(_ name: String) { with(name) { _ = try? $0.increment(by: 1) } }

    func delete(_ name: String) { with(name) { _ = $0.delete() } }

    func exists(_ name: String) -> Bool {
        var exists = false
        with(name) { exists = $0.exists }
        return exists
    }

    func flush() { partition.pointee.flush(database: 0, &context.pointee) }

    func take(_ frame: (FrameContext, [UInt8])) {
        context.pointee.nowMilliseconds += 1
        let outcome = frame.1.withView { partition.pointee.merge(frame.0, records: $0, &context.pointee) }
        #expect(outcome == .applied)
    }

    /// What a walk shows, with values, in order of names.
    var shown: [String] {
        var names: [String] = []
        var position: UInt64? = 0
        while let at = position {
            position = partition.pointee.visitBucket(
                database: 0, position: at, nowMilliseconds: context.pointee.nowMilliseconds
            ) { names.append($0.name.string) }
        }
        return names.sorted().map { name in
            var text = ""
            with(name) { text = $0.bytes(of: $0.peek())?.string ?? "?" }
            return "\(name)=\(text)"
        }
    }
}

@Suite struct FlushTests {
    @Test("A flush is one record and removes what it had seen at the peer too")
    func observed() {
        let one = FlushingReplica(node: 1)
        let two = FlushingReplica(node: 2)
        for number in 0..<50 { one.write { one.set("k\(number)", "v") } }
        for frame in one.frames { two.take(frame) }
        two.write { two.set("unseen", "v") }
        one.write { one.flush() }
        #expect(one.frames.last?.1.count ?? .max < 8)
        #expect(one.shown == [])
        if let flush = one.frames.last { two.take(flush) }
        #expect(two.shown == ["unseen=v"])
        one.take(two.frames[0])
        #expect(one.shown == ["unseen=v"])
    }

    @Test("Of a counter that goes on elsewhere a flush takes only what it had seen")
    func runningCounter() {
        let one = FlushingReplica(node: 1)
        let two = FlushingReplica(node: 2)
        for _ in 0..<3 { two.write { two.increment("c") } }
        for frame in two.frames { one.take(frame) }
        #expect(one.shown == ["c=3"])
        two.write { two.increment("c") }
        two.write { two.increment("c") }
        one.write { one.flush() }
        #expect(one.shown == [])
        for frame in one.frames { two.take(frame) }
        for frame in two.frames.suffix(2) { one.take(frame) }
        #expect(two.shown == ["c=2"])
        #expect(one.shown == ["c=2"])
    }

    @Test("A counter that was deleted does not exist, whatever is still remembered of it")
    func deletedCounter() {
        let one = FlushingReplica(node: 1)
        let two = FlushingReplica(node: 2)
        two.write { two.increment("c") }
        two.write { two.increment("c") }
        for frame in two.frames { one.take(frame) }
        one.write { one.delete("c") }
        #expect(one.shown == [])
        #expect(!one.exists("c"))
        one.write { one.increment("c") }
        #expect(one.exists("c"))
        one.write { one.flush() }
        #expect(!one.exists("c"))
    }

    @Test("What a MULTI writes after its flush survives it, what it wrote before does not")
    func insideTransaction() {
        for isAlone in [false, true] {
            let one = FlushingReplica(node: 1, members: isAlone ? [1] : [1, 2])
            let two = FlushingReplica(node: 2)
            one.write { one.set("old", "v") }
            one.write { one.set("both", "v") }
            one.write { one.increment("n") }
            one.write(isAccumulated: true) {
                one.set("before", "v")
                one.increment("n")
                one.flush()
                one.set("both", "w")
                one.increment("n")
                one.set("after", "v")
            }
            #expect(one.shown == ["after=v", "both=w", "n=1"], "alone \(isAlone)")
            if isAlone { continue }
            for frame in one.frames { two.take(frame) }
            #expect(two.shown == ["after=v", "both=w", "n=1"])
        }
    }

    @Test("A flush frees large values and leaves other databases alone", arguments: [false, true])
    func memory(hasOthers: Bool) {
        let one = FlushingReplica(node: 1, members: [1])
        let name = [UInt8](repeating: 120, count: 5000)
        func handle(_ name: ByteView, _ database: Int) -> KeyHandle {
            KeyHandle(
                partition: one.partition, context: one.context, database: database,
                hash: one.partition.pointee.hash(of: name), name: name)
        }
        one.write {
            name.withView { name in
                // Long names and large values live outside the arena.
                handle(name, 0).set(.bytes(name))
                if hasOthers { handle(name, 1).set(.bytes(name)) }
            }
            let large = [UInt8](repeating: 1, count: 100_000)
            large.withView { value in
                name.withView { name in handle(name.slice(0, 5), 0).set(.bytes(value)) }
            }
            for number in 0..<2000 { one.set("k\(number)", "v") }
        }
        // A database that was full once may keep overflow buckets.
        one.write { for number in 0..<2000 { name.withView { handle($0.slice(0, number + 1), 2).set(.bytes($0)) } } }
        one.write { for number in 0..<2000 { name.withView { _ = handle($0.slice(0, number + 1), 2).delete() } } }
        one.write { one.flush() }
        #expect(one.partition.pointee.count(database: 0) == 0)
        #expect(one.partition.pointee.ownedBytes == 0)
        #expect(one.partition.pointee.owningEntries == (hasOthers ? 1 : 0))
        if hasOthers {
            name.withView { name in
                #expect(handle(name, 1).bytes(of: handle(name, 1).peek()) == name)
            }
        } else {
            #expect(one.partition.pointee.arena.liveBytes == 0)
            // No table may keep a link into memory that the arena has given back.
            #expect(one.partition.pointee.tables[2].bucketCount == 0)
        }
        one.write { for number in 0..<500 { name.withView { handle($0.slice(0, number + 1), 2).set(.bytes($0)) } } }
        #expect(one.partition.pointee.count(database: 2) == 500)
    }
}
