/// Addresses as operators write them.
import Testing

@testable import Replication

@Suite struct PeerAddressTests {
    @Test(
        "An address is a host, a host with a port, or an IPv6 address in brackets",
        arguments: [
            ("localhost", "localhost", 16379, "localhost:16379"),
            ("10.0.0.1:7000", "10.0.0.1", 7000, "10.0.0.1:7000"),
            ("Node-1.Example_x.org:1", "node-1.example_x.org", 1, "node-1.example_x.org:1"),
            ("[::1]", "::1", 16379, "[::1]:16379"),
            ("[FE80::1%Eth0]:65535", "fe80::1%Eth0", 65535, "[fe80::1%Eth0]:65535"),
            ("[::ffff:10.0.0.1]:16380", "::ffff:10.0.0.1", 16380, "[::ffff:10.0.0.1]:16380"),
        ])
    func parse(_ text: String, _ host: String, _ port: Int, _ description: String) throws {
        let address = try PeerAddress(text)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.description == description)
        #expect(try PeerAddress(description) == address)
        #expect(try PeerAddress(host: host, port: port) == address)
    }

    @Test(
        "What is no address says why",
        arguments: [
            ("", PeerAddressFailure.empty, "an address is missing: write host:port"),
            (":7000", .hostMissing, "the host before ':' is missing: write host:port"),
            ("host:", .port(""), "'' is no port: a port is a number from 1 to 65535"),
            ("host:0", .port("0"), "'0' is no port: a port is a number from 1 to 65535"),
            ("host:65536", .port("65536"), "'65536' is no port: a port is a number from 1 to 65535"),
            ("host:+1", .port("+1"), "'+1' is no port: a port is a number from 1 to 65535"),
            (
                "host:1000000000000000000000", .port("1000000000000000000000"),
                "'1000000000000000000000' is no port: a port is a number from 1 to 65535"
            ),
            (
                "::1", .bracketsMissing("::1"),
                "'::1' has more than one ':': an IPv6 address is written [address]:port"
            ),
            ("[::1", .unclosedBracket("[::1"), "']' is missing in '[::1': write [address]:port"),
            ("[::1]7000", .afterBracket("7000"), "'7000' follows ']' where ':port' is expected"),
            ("[host]:7000", .host("host"), "'host' is neither a host name nor an address"),
            ("[]:7000", .host(""), "'' is neither a host name nor an address"),
            ("[::1%]:7000", .host("::1%"), "'::1%' is neither a host name nor an address"),
            ("ho st:1", .host("ho st"), "'ho st' is neither a host name nor an address"),
        ])
    func refuse(_ text: String, _ failure: PeerAddressFailure, _ description: String) {
        #expect(failure.description == description)
        #expect(throws: failure) { try PeerAddress(text) }
    }

    @Test("A host has the length that DNS allows")
    func hostLength() throws {
        #expect(try PeerAddress(String(repeating: "a", count: 253)).host.utf8.count == 253)
        #expect(throws: PeerAddressFailure.hostTooLong(254)) { try PeerAddress(String(repeating: "a", count: 254)) }
    }
}
