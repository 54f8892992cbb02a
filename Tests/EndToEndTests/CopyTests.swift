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

        @Test(
            "A copy of a node that stopped in order takes another name where nobody answers; the node itself does not")
        func alone() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            mesh.end(0, SIGTERM)
            mesh.end(1, SIGTERM)
            let port = try ServerProcess.freePort()
            let copy = try mesh.startCopy(try mesh.copy(1, to: "copy"), of: 1, port: port)
            defer { copy.signal(SIGKILL) }
            try mesh.start(1)
            try mesh.waitUntilWritable(1)
            #expect(!mesh.log(1).contains("goes on as"), "\(mesh.log(1))")
            let isTaken = poll(forSeconds: 40) {
                (try? RESPClient(port: port).call("SET", "copied", "yes")) == .ok
            }
            #expect(isTaken && copy.output.contains("is a copy"), "\(copy.output)")
            #expect(copy.output.contains("node 2 goes on as 2.1"), "\(copy.output)")
        }
    }
}
