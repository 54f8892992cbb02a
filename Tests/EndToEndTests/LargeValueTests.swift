/// Values at the limit. They take gigabytes of memory: `A2_SLOW_TESTS=1` runs them.
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite(.enabled(if: TestEnvironment.runsSlowTests, "A2_SLOW_TESTS=1 runs the tests that take gigabytes"))
    struct LargeValues {
        @Test("512 MB go in and come out, in less than 1.3 GB of memory")
        func largestValue() throws {
            let server = try startSubject()
            let client = try server.connect(timeoutSeconds: 120)
            let size = 512 << 20
            let block = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
            try client.send(raw: bytes("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$\(size)\r\n"))
            for _ in 0..<512 { try client.send(raw: block) }
            try client.send(raw: bytes("\r\n"))
            #expect(try client.receive() == .ok)
            #expect(try client.call("STRLEN", "k") == .integer(Int64(size)))
            try client.send(raw: bytes("GET k\r\n"))
            let header = bytes("$\(size)\r\n")
            let wanted = header.count + size + 2
            var received = 0
            var differences = 0
            while received < wanted {
                let part = try client.receiveSome()
                // One byte of each part is enough to see blocks lost, doubled or out of order.
                let at = received - header.count
                if at >= 0, at < size, part[0] != block[at & (1 << 20 - 1)] { differences += 1 }
                received += part.count
            }
            #expect(received == wanted)
            #expect(differences == 0)
            #expect(server.process.peakResidentBytes < 1300 << 20, "\(server.process.peakResidentBytes >> 20) MiB")
            let admin = try server.connect()
            #expect(
                try admin.call("APPEND", "k", "x").string
                    == "ERR string exceeds maximum allowed size (proto-max-bulk-len)")
            #expect(try admin.call("SETRANGE", "k", "\(size - 1)", "x") == .integer(Int64(size)))
            #expect(try admin.call("SETBIT", "bits", "4294967295", "1") == .integer(0))
            #expect(try admin.call("BITCOUNT", "bits") == .integer(1))
            #expect(try admin.call("FLUSHALL", "SYNC") == .ok)
            client.close()
            #expect(poll(forSeconds: 10) { server.process.residentBytes < 300 << 20 })
        }
    }
}
