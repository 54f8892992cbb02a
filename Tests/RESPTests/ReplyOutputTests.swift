/// Sending in arbitrary pieces, with shared values spliced in: the bytes come out in order, each token once.
import Base
import RESP
import Testing

private final class Store {
    private(set) var values: [UnsafeMutablePointer<UInt8>] = []
    private(set) var released: [UInt] = []

    func add(_ bytes: [UInt8]) -> (start: UnsafeRawPointer, token: UInt) {
        let place = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        for (index, byte) in bytes.enumerated() { place[index] = byte }
        values.append(place)
        return (UnsafeRawPointer(place), UInt(values.count - 1))
    }

    func release(_ token: UInt) { released.append(token) }

    deinit { for value in values { value.deallocate() } }
}

/// What the next pieces hold, up to `limit` of them.
private func gathered(_ writer: borrowing ReplyWriter, limit: Int) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: OutputPiece.self, capacity: limit) { pieces in
        let count = writer.gather(into: pieces)
        return pieces[..<count].flatMap { Array(UnsafeRawBufferPointer(start: $0.start, count: $0.count)) }
    }
}

@Suite struct ReplyOutputTests {
    @Test("A piece is laid out as C's iovec: pointer, length")
    func layout() {
        #expect(MemoryLayout<OutputPiece>.size == 16 && MemoryLayout<OutputPiece>.stride == 16)
        #expect(MemoryLayout<OutputPiece>.offset(of: \.count) == 8)
    }

    @Test("Whatever is written, truncated and sent in whatever steps, the stream is right and every token comes back")
    func randomTraffic() {
        let seed: UInt64 = 0xA2_0002
        var random = SeededRandom(seed: seed)
        for round in 0..<300 {
            let store = Store()
            var writer = ReplyWriter(capacity: 16)
            var expected: [UInt8] = []
            var sent: [UInt8] = []
            var sharedCount = 0
            for _ in 0..<60 {
                switch random.below(6) {
                case 0:
                    writer.ok()
                    expected += bytes("+OK\r\n")
                case 1, 2:
                    let value = [UInt8](repeating: UInt8(random.below(256)), count: random.below(40))
                    let (start, token) = store.add(value)
                    writer.bulk(shared: start, count: value.count, token: token)
                    expected += bytes("$\(value.count)\r\n") + value + bytes("\r\n")
                    sharedCount += 1
                case 3:
                    let mark = writer.mark
                    if random.below(2) == 0 {
                        // What came before the mark may go out meanwhile.
                        let next = gathered(writer, limit: 100)
                        sent += next
                        writer.consume(next.count) { store.release($0) }
                    }
                    writer.pong()
                    let (start, token) = store.add([1, 2, 3])
                    writer.bulk(shared: start, count: 3, token: token)
                    sharedCount += 1
                    writer.truncate(to: mark) { store.release($0) }
                case 4:
                    let deferred = writer.beginDeferredArray()
                    let (start, token) = store.add([7, 8])
                    writer.bulk(shared: start, count: 2, token: token)
                    sharedCount += 1
                    writer.endDeferred(deferred, count: 1000)
                    expected += bytes("*1000\r\n$2\r\n\u{7}\u{8}\r\n")
                default:
                    let next = gathered(writer, limit: 1 + random.below(5))
                    let count = random.below(next.count + 1)
                    sent += next[..<count]
                    writer.consume(count) { store.release($0) }
                }
                guard writer.outputBytes == expected.count - sent.count else {
                    Issue.record("seed \(seed), round \(round): \(writer.outputBytes) bytes to send")
                    return
                }
            }
            while writer.hasOutput {
                let next = gathered(writer, limit: 3)
                guard !next.isEmpty || writer.outputBytes == 0 else { break }
                sent += next
                writer.consume(next.count) { store.release($0) }
            }
            #expect(sent == expected, "seed \(seed), round \(round)")
            #expect(store.released.sorted() == (0..<UInt(sharedCount)).map { $0 }, "seed \(seed), round \(round)")
            let isContiguous = writer.isContiguous
            #expect(isContiguous)
        }
    }

    @Test("A connection that ends gives back what it had not sent")
    func abandoned() {
        let store = Store()
        var writer = ReplyWriter()
        for _ in 0..<3 {
            let (start, token) = store.add(Array(repeating: 5, count: 100))
            writer.bulk(shared: start, count: 100, token: token)
        }
        writer.consume(6 + 100 + 2 + 6 + 50) { store.release($0) }
        #expect(store.released == [0])
        writer.removeAll { store.release($0) }
        #expect(store.released == [0, 1, 2])
        let (hasOutput, outputBytes) = (writer.hasOutput, writer.outputBytes)
        #expect(!hasOutput && outputBytes == 0)
        writer.ok()
        #expect(gathered(writer, limit: 4) == bytes("+OK\r\n"))
    }
}
