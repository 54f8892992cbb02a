/// Peers that fell out of the window, over real processes with data directories: they get what they lack from the log,
/// and only what that cannot give them as states.
import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct CatchUp {
        @Test("A peer that was cut off for more than the window gets all of it from the log, and nothing as state")
        func cutOff() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            let repaired = try mesh.info(1, "a2_keys_repaired")
            try mesh.link(0, 1, "DOWN")
            try mesh.link(1, 0, "DOWN")
            try mesh.write(0)
            try mesh.link(0, 1, "UP")
            try mesh.link(1, 0, "UP")
            try mesh.waitUntilEqual()
            #expect(try poll(forSeconds: 20) { try mesh.info(0, "a2_log_frames_served") > 5000 })
            #expect(try poll(forSeconds: 20) { try mesh.info(0, "a2_log_bytes_served") > 2_000_000 })
            #expect(try mesh.info(1, "a2_keys_repaired") == repaired)
            #expect(try mesh.info(1, "a2_forks") == 0 && mesh.info(1, "a2_gaps") == 0)
            let isBack = try poll(forSeconds: 20) { try mesh.info(0, "a2_log_peers") == 0 }
            #expect(isBack)
            #expect(try mesh.connect(1).call("GET", "counter:7").string == "80")
            // And the stream goes on as before.
            _ = try mesh.connect(0).call("SET", "after", "that")
            try mesh.waitUntilEqual()
        }

        @Test("Of three the one that was away is served by both who wrote, each with what it wrote itself")
        func three() throws {
            let mesh = try DurableMesh(3)
            try mesh.waitUntilEqual()
            let repaired = try mesh.info(2, "a2_keys_repaired")
            for other in 0..<2 {
                try mesh.link(2, other, "DOWN")
                try mesh.link(other, 2, "DOWN")
            }
            for number in 0..<2 { try mesh.write(number, rounds: 1600, valueBytes: 3000) }
            try mesh.write(2, rounds: 400)
            for other in 0..<2 {
                try mesh.link(2, other, "UP")
                try mesh.link(other, 2, "UP")
            }
            try mesh.waitUntilEqual()
            for number in 0..<2 {
                #expect(try poll(forSeconds: 20) { try mesh.info(number, "a2_log_frames_served") > 1000 })
            }
            // Until both links are up again the one peer is asked for what the other wrote; not for long.
            #expect(try mesh.info(2, "a2_keys_repaired") - repaired < 1600, "\(mesh.log(2))")
        }

        @Test("A peer that stands still falls behind and is served from the log when it goes on")
        func stopped() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            mesh.signal(1, SIGSTOP)
            try mesh.write(0, rounds: 2000, valueBytes: 8000)
            mesh.signal(1, SIGCONT)
            try mesh.waitUntilEqual()
            #expect(try poll(forSeconds: 20) { try mesh.info(0, "a2_log_frames_served") > 0 })
            #expect(try mesh.info(1, "a2_keys_repaired") == 0)
        }

        @Test(
            "A peer that was down for more than the window goes on where it stood, whatever ended it",
            arguments: [SIGTERM, SIGKILL])
        func down(signal: Int32) throws {
            let mesh = try DurableMesh(2)
            try mesh.write(0, rounds: 400)
            try mesh.waitUntilEqual()
            try mesh.waitUntilRenewed(1)
            mesh.end(1, signal)
            try mesh.write(0)
            try mesh.start(1)
            try mesh.waitUntilEqual()
            #expect(try poll(forSeconds: 20) { try mesh.info(0, "a2_log_frames_served") > 5000 })
            #expect(try mesh.info(1, "a2_keys_repaired") == 0, "\(mesh.log(1))")
            try mesh.waitUntilWritable(1)
            #expect(try mesh.connect(1).call("CONFIG", "GET", "node-id").isError == false)
            #expect(!mesh.log(1).contains("goes on as"))
        }

        @Test("A peer that was down is served by a node that has been restarted itself since")
        func bothRestart() throws {
            let mesh = try DurableMesh(2)
            try mesh.write(0, rounds: 400)
            try mesh.waitUntilEqual()
            mesh.end(1, SIGTERM)
            try mesh.write(0)
            mesh.end(0, SIGTERM)
            try mesh.start(0)
            try mesh.start(1)
            try mesh.waitUntilEqual()
            #expect(try poll(forSeconds: 20) { try mesh.info(0, "a2_log_frames_served") > 5000 }, "\(mesh.log(0))")
            #expect(try mesh.info(1, "a2_keys_repaired") == 0, "\(mesh.log(1))")
            try mesh.waitUntilWritable(0)
            try mesh.waitUntilWritable(1)
            try mesh.write(0, rounds: 400)
            try mesh.waitUntilEqual()
            #expect(try mesh.info(1, "a2_keys_repaired") == 0, "\(mesh.log(1))")
        }

        @Test("Where the log has been dropped, states bring the rest")
        func droppedLog() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            try mesh.link(0, 1, "DOWN")
            try mesh.link(1, 0, "DOWN")
            let client = try mesh.connect(0)
            try mesh.write(0)
            #expect(try client.call("SAVE") == .ok)
            let isDropped = try poll(forSeconds: 20) {
                (try client.call("INFO", "persistence").string ?? "").contains("a2_log_segments:1\r")
            }
            #expect(isDropped)
            try mesh.link(0, 1, "UP")
            try mesh.link(1, 0, "UP")
            try mesh.waitUntilEqual()
            #expect(try mesh.info(0, "a2_log_frames_served") == 0)
            #expect(try poll(forSeconds: 20) { try mesh.info(1, "a2_keys_repaired") > 1000 })
        }
    }
}
