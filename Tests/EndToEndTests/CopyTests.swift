/// Copies of a data directory: two processes that take themselves for the same node.
import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Copies {
        @Test("A copy is refused while its original runs and says so, and goes on where that had come once it is gone")
        func refused() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            mesh.end(1, SIGTERM)
            let port = try ServerProcess.freePort()
            let copyOfStopped = try mesh.copy(1, to: "copy")
            try mesh.start(1)
            try mesh.waitUntilWritable(1)
            #expect(try mesh.connect(1).call("INCR", "count") == .integer(1))

            let copy = try mesh.startCopy(copyOfStopped, of: 1, port: port)
            defer { copy.signal(SIGKILL) }
            var reply = ""
            let isTold = poll(forSeconds: 30) {
                reply = (try? RESPClient(port: port).call("SET", "copied", "yes"))?.string ?? ""
                return reply.hasPrefix("READONLY a peer refuses this node: ")
            }
            #expect(isTold && reply.contains("runs on a copy of the data directory of"), "\(reply)\n\(copy.output)")
            #expect(try mesh.connect(1).call("INCR", "count") == .integer(2))

            let isHeard = try poll(forSeconds: 20) { try mesh.connect(0).call("GET", "count").string == "2" }
            #expect(isHeard)
            mesh.end(1, SIGKILL)
            let isTaken = poll(forSeconds: 40) {
                (try? RESPClient(port: port).call("SET", "copied", "yes")) == .ok
            }
            #expect(isTaken && !copy.output.contains("goes on as"), "\(copy.output)")
            // What its original wrote after the copy was made is its own past.
            let counted = try RESPClient(port: port).call("INCR", "count")
            #expect(counted == .integer(3), "\(copy.output)\n\(mesh.log(0))")
            let isEqual = try poll(forSeconds: 20) {
                try RESPClient(port: port).call("A2.DIGEST") == mesh.connect(0).call("A2.DIGEST")
            }
            #expect(isEqual, "\(copy.output)\n\(mesh.log(0))")
            #expect(try mesh.info(0, "a2_forks") == 0)
        }

        @Test("A copy takes no writes before all have answered or are expelled; what it was copied from does")
        func alone() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            mesh.end(0, SIGTERM)
            mesh.end(1, SIGTERM)
            let port = try ServerProcess.freePort()
            let name = try mesh.copy(1, to: "copy")
            var copy = try mesh.startCopy(name, of: 1, port: port)
            defer { copy.signal(SIGKILL) }
            try mesh.start(1)
            try mesh.waitUntilWritable(1)
            #expect(!mesh.log(1).contains("goes on as"), "\(mesh.log(1))")
            // Also when it is started again.
            for _ in 0..<2 {
                var reply = ""
                let isTold = poll(forSeconds: 40) {
                    reply = (try? RESPClient(port: port).call("SET", "copied", "yes"))?.string ?? ""
                    return reply.hasPrefix("READONLY the data directory of this node is a copy, or was restored")
                }
                #expect(isTold && reply.hasSuffix("node 1 (node-1)"), "\(reply)\n\(copy.output)")
                #expect(copy.output.contains("this data directory is a copy, or was restored"), "\(copy.output)")
                copy.signal(SIGTERM)
                _ = copy.waitForExit(seconds: 20)
                copy = try mesh.startCopy(name, of: 1, port: port)
            }
            mesh.end(1, SIGKILL)
            _ = poll(forSeconds: 20) { (try? RESPClient(port: port).call("A2.EXPEL", "1")) == .ok }
            let isTaken = poll(forSeconds: 40) {
                (try? RESPClient(port: port).call("SET", "copied", "yes")) == .ok
            }
            #expect(isTaken && copy.output.contains("node 2 goes on as 2.1"), "\(copy.output)")
        }
    }
}
