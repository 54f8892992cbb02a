/// Where replies end, however they are cut.
import Base
import Testing

@testable import Bench

@Suite struct ScannerTests {
    private struct Seen: Equatable {
        let type: UInt8
        let isNull: Bool
        let isAsExpected: Bool
    }

    /// Feeds `text` in pieces of `step` bytes, as the worker does: what is incomplete is shown again.
    private func scan(_ text: String, step: Int, expected: String? = nil) -> [Seen]? {
        var scanner = ReplyScanner()
        var seen: [Seen] = []
        var kept: [UInt8] = []
        let bytes = Array(text.utf8)
        let wanted = Array((expected ?? "").utf8)
        for start in stride(from: 0, to: bytes.count, by: step) {
            let all = kept + bytes[start..<min(start + step, bytes.count)]
            var at = 0
            var isBroken = false
            all.withUnsafeBufferPointer { buffer in
                wanted.withUnsafeBufferPointer { wantedBuffer in
                    guard let base = buffer.baseAddress else { return }
                    while at < all.count {
                        let outcome = scanner.scan(
                            base, &at, all.count, expected: expected == nil ? nil : wantedBuffer.baseAddress)
                        if outcome == .incomplete { break }
                        if outcome == .malformed {
                            isBroken = true
                            break
                        }
                        seen.append(
                            Seen(type: scanner.type, isNull: scanner.isNull, isAsExpected: scanner.isAsExpected))
                    }
                }
            }
            if isBroken { return nil }
            kept = Array(all[at...])
        }
        return kept.isEmpty ? seen : nil
    }

    @Test("Replies of both protocols, whole and in pieces", arguments: [1, 2, 3, 7, 1000])
    func pieces(step: Int) {
        let text =
            "+OK\r\n:12\r\n-ERR no\r\n$5\r\nab\r\nc\r\n$-1\r\n*-1\r\n_\r\n*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n+y\r\n*0\r\n"
            + "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n#t\r\n,1.5\r\n(123\r\n=7\r\ntxt:abc\r\n~1\r\n:1\r\n>2\r\n+p\r\n+q\r\n$0\r\n\r\n"
        let seen = scan(text, step: step)
        let types = seen.map { String(decoding: $0.map(\.type), as: UTF8.self) }
        #expect(types == "+:-$$*_**%,(=~$")
        #expect(seen?.map(\.isNull) == [4, 5, 6].reduce(into: [Bool](repeating: false, count: 15)) { $0[$1] = true })
    }

    @Test("Values are compared while they pass", arguments: [1, 4, 100])
    func comparing(step: Int) {
        #expect(scan("$6\r\nabcdef\r\n", step: step, expected: "abcdefgh")?.map(\.isAsExpected) == [true])
        #expect(scan("$6\r\nabcdeX\r\n", step: step, expected: "abcdefgh")?.map(\.isAsExpected) == [false])
    }

    @Test(
        "What is no reply is seen", arguments: ["HTTP/1.1 400\r\n", "$x\r\n", "*1a\r\n", "$-2\r\n", "+OK\rX", "?\r\n"])
    func malformed(text: String) { #expect(scan(text, step: 1000) == nil) }
}
