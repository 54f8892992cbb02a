/// How addresses are written.
import Client
import Testing

@Suite struct EndpointTests {
    @Test("Every part of an address is read")
    func parts() throws {
        let full = try Endpoint(uri: "redis://joe:p%40ss@db.example:7001/3")
        #expect(full == Endpoint(host: "db.example", port: 7001, user: "joe", password: "p@ss", database: 3))
        #expect(try Endpoint(uri: "redis://secret@h") == Endpoint(host: "h", password: "secret"))
        #expect(try Endpoint(uri: "a2://:secret@h:1") == Endpoint(host: "h", port: 1, password: "secret"))
        #expect(try Endpoint(uri: "redis://") == Endpoint())
        #expect(try Endpoint(uri: "redis:///2") == Endpoint(database: 2))
        #expect(try Endpoint(uri: "nyc:7000") == Endpoint(host: "nyc", port: 7000))
        #expect(try Endpoint(uri: "nyc") == Endpoint(host: "nyc"))
        #expect(try Endpoint(uri: ":7000") == Endpoint(port: 7000))
        #expect(try Endpoint(uri: "redis://[::1]:7000") == Endpoint(host: "::1", port: 7000))
        #expect(try Endpoint(uri: "::1") == Endpoint(host: "::1"))
        #expect(try Endpoint(uri: "unix:///run/a2.sock?db=4") == Endpoint(socketPath: "/run/a2.sock", database: 4))
        #expect(try Endpoint(uri: "unix://joe:x@/run/a") == Endpoint(socketPath: "/run/a", user: "joe", password: "x"))
    }

    @Test(
        "What is no address is refused, and no refusal shows a password",
        arguments: [
            "http://joe:hunter2@h", "rediss://joe:hunter2@h", "redis://h:0", "redis://h:70000", "redis://h/x",
            "redis://h/-1",
            "redis://a%zz@h", "[::1]x", "unix://",
        ])
    func refused(_ uri: String) {
        let error = #expect(throws: ClientError.self) { try Endpoint(uri: uri) }
        #expect(error?.exitStatus == 2)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("An address is shown without its secrets")
    func shown() throws {
        #expect(try Endpoint(uri: "redis://joe:hunter2@[::1]:7/2").description == "[::1]:7")
        #expect(try Endpoint(uri: "unix:///run/a").description == "/run/a")
    }
}
