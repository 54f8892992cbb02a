/// When a write was stamped, and up to when the disk knows that stamps are given.
import Foundation
import TestSupport
import Testing

func nowMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

extension TemporaryDirectory {
    /// What the identity says of the lease: `Identity.swift` has the format.
    func leaseMilliseconds() throws -> Int64 {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file("data") + "/identity"))
        func number(_ offset: Int) -> Int64 {
            (0..<8).reduce(0) { $0 | Int64(bytes[offset + $1]) << (8 * Int64($1)) }
        }
        let copies = [4096, 4096 + Int(number(16))]
        return copies.map { number($0 + 40) }.max() ?? 0
    }
}

extension RESPClient {
    /// One increment and when it was written; nil where it has to wait.
    func increment(_ key: String) throws -> Int64? {
        enqueue(["INCR", key].map { Array($0.utf8) })
        enqueue(["A2.META", key].map { Array($0.utf8) })
        guard (try? receive()) != nil else { return nil }
        let fields = try #require(try receive().elements)
        let name = try #require(fields.firstIndex { $0.string == "written-ms" })
        return fields[name + 1].integerValue
    }
}
