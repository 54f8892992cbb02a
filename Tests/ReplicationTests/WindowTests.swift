/// The ring that peers read: frames come back whole, in order, or the reader learns that it has lost its place.
import Base
import Foundation
import Synchronization
import Testing

@testable import Replication

private final class Ring: Sendable {
    private let address: UInt
    let window: Window

    init(_ capacity: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: capacity)
        address = UInt(bitPattern: memory)
        // What is in fresh memory must not matter.
        memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: capacity)
        window = Window(capacity: capacity, memory: memory)
    }

    deinit { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }

    func append(_ frame: [UInt8], splitAt split: Int) {
        Array(frame[..<split]).withView { header in
            Array(frame[split...]).withView { window.append(header, $0) }
        }
    }

    func read(at position: UInt64) -> (Window.Reading, [UInt8]) {
        var buffer = ByteBuffer()
        buffer.append("mark")
        let reading = window.read(at: position, into: &buffer)
        return (reading, Array(buffer.array.dropFirst(4)))
    }
}

/// Who wrote it, its number there, and bytes that follow from both.
private func frame(writer: UInt8, number: UInt32, count: Int) -> [UInt8] {
    var bytes: [UInt8] = [writer]
    for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
    for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: Int(number) &* 31 &+ Int(writer) &* 7 &+ index)) }
    return bytes
}

/// Runs the body in so many threads of their own and waits for them.
private func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        Thread {
            body(index)
            group.leave()
        }.start()
    }
    group.wait()
}

/// What the threads of a test share.
private final class Tally: Sendable {
    let finished = Atomic<Int>(0)
    let turns = Atomic<Int>(0)
    let read = Atomic<Int>(0)
    let failures = Mutex<[String]>([])
}

@Suite struct WindowTests {
    @Test("Frames come back whole and in order, around the end of the memory many times")
    func wrapAround() {
        let ring = Ring(4096)
        var random = SeededRandom(seed: 11)
        var waiting: [[UInt8]] = []
        var position: UInt64 = 0
        var written: UInt32 = 0
        for _ in 0..<4000 {
            if random.below(2) == 0, waiting.count < 3 {
                let bytes = frame(writer: 1, number: written, count: random.below(1000))
                ring.append(bytes, splitAt: random.below(bytes.count + 1))
                waiting.append(bytes)
                written += 1
            } else if let expected = waiting.first {
                let (reading, bytes) = ring.read(at: position)
                guard case .frame(let next) = reading, bytes == expected else {
                    Issue.record("seed 11: \(reading) at \(position)")
                    return
                }
                waiting.removeFirst()
                position = next
            } else {
                #expect(ring.read(at: position) == (.end, []))
                #expect(position == ring.window.end)
            }
        }
        #expect(position > 20 * 4096)
    }

    @Test("A reader that falls behind learns it and gets no bytes")
    func lost() {
        let ring = Ring(4096)
        for number: UInt32 in 0..<3 { ring.append(frame(writer: 1, number: number, count: 1000), splitAt: 5) }
        #expect(ring.read(at: 0).1 == frame(writer: 1, number: 0, count: 1000))
        for number: UInt32 in 3..<6 { ring.append(frame(writer: 1, number: number, count: 1000), splitAt: 5) }
        #expect(ring.read(at: 0) == (.lost, []))
        #expect(ring.read(at: ring.window.end) == (.end, []))
        // The last ones are still there.
        let position = ring.window.end - 1016
        #expect(ring.read(at: position).1 == frame(writer: 1, number: 5, count: 1000))
    }

    @Test("Frames of the largest size, and empty ones")
    func sizes() {
        let ring = Ring(4096)
        var position: UInt64 = 0
        for _ in 0..<10 {
            for count in [ring.window.frameBytesMax, 0, 1, 7, 8, 9] {
                let bytes = [UInt8](repeating: UInt8(count & 0xFF), count: count)
                ring.append(bytes, splitAt: count / 2)
                let (reading, read) = ring.read(at: position)
                guard case .frame(let next) = reading, read == bytes else {
                    Issue.record("\(count) bytes at \(position): \(reading)")
                    return
                }
                position = next
            }
        }
    }

    @Test("Several threads write while others read: every frame that is read is whole, and in its writer's order")
    func concurrent() {
        let ring = Ring(1 << 16)
        let writers = 3
        let framesEach: UInt32 = 3000
        let tally = Tally()
        inThreads(writers + 2) { thread in
            if thread < writers {
                var random = SeededRandom(seed: UInt64(thread))
                for number in 0..<framesEach {
                    // Now and then a reader gets its turn, however few the cores are.
                    if number % 40 == 0 {
                        let before = tally.turns.load(ordering: .relaxed)
                        while tally.turns.load(ordering: .relaxed) < before + 20 { sched_yield() }
                    }
                    ring.append(frame(writer: UInt8(thread), number: number, count: random.below(300)), splitAt: 3)
                }
                tally.finished.add(1, ordering: .releasing)
                return
            }
            var position: UInt64 = 0
            var latest = [Int](repeating: -1, count: writers)
            while true {
                tally.turns.add(1, ordering: .relaxed)
                let isOver = tally.finished.load(ordering: .acquiring) == writers
                let (reading, bytes) = ring.read(at: position)
                switch reading {
                case .end:
                    if isOver { return }
                    sched_yield()
                case .skipped(let next): position = next
                case .lost:
                    position = ring.window.end
                case .frame(let next):
                    position = next
                    tally.read.add(1, ordering: .relaxed)
                    let writer = Int(bytes[0])
                    let number = (0..<4).reduce(0) { $0 | Int(bytes[1 + $1]) << ($1 * 8) }
                    if writer >= writers || number <= latest[writer]
                        || bytes != frame(writer: UInt8(writer), number: UInt32(number), count: bytes.count - 5)
                    {
                        tally.failures.withLock { $0.append("frame \(number) of \(writer) after \(latest)") }
                        return
                    }
                    latest[writer] = number
                }
            }
        }
        #expect(tally.failures.withLock { $0 } == [])
        #expect(tally.read.load(ordering: .relaxed) > 1000)
    }
}
