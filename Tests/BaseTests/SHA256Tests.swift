/// The published vectors of SHA-256 and HMAC-SHA-256.
import Testing

@testable import Base

private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func sha256(_ text: String) -> String { Array(text.utf8).withView { hexadecimal(SHA256.digest($0)) } }

private func hmac(_ key: [UInt8], _ message: [UInt8]) -> String {
    message.withView { hexadecimal(HMAC.code(key: key, message: $0)) }
}

@Suite struct SHA256Tests {
    @Test(
        "FIPS 180-4 and NIST's example messages",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
                    + "nopqrstu",
                "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ])
    func vectors(_ message: String, _ digest: String) {
        #expect(sha256(message) == digest)
    }

    @Test("In however many pieces the message comes", arguments: 0...200)
    func pieces(_ count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        let message = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var hash = SHA256()
        var rest = message[...]
        while !rest.isEmpty {
            let piece = rest.prefix(1 + random.below(70))
            Array(piece).withView { hash.update($0) }
            // Looking at the digest on the way changes nothing.
            if random.below(3) == 0 { _ = hash.finished() }
            rest = rest.dropFirst(piece.count)
        }
        #expect(hash.finished() == message.withView { SHA256.digest($0) }, "seed \(count)")
    }

    @Test("RFC 4231")
    func hmacVectors() {
        let asking = Array("what do ya want for nothing?".utf8)
        #expect(
            hmac([UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8))
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hmac(Array("Jefe".utf8), asking) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            hmac([UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50))
                == "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe")
        #expect(
            hmac(Array(1...25), [UInt8](repeating: 0xCD, count: 50))
                == "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b")
        let long = [UInt8](repeating: 0xAA, count: 131)
        #expect(
            hmac(long, Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        let message =
            "This is a test using a larger than block-size key and a larger than block-size data. "
            + "The key needs to be hashed before being used by the HMAC algorithm."
        #expect(
            hmac(long, Array(message.utf8)) == "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2")
    }

    @Test("Codes are equal only when every byte is")
    func comparison() {
        let code = Array("0123456789".utf8)
        #expect(HMAC.areEqual(code, code))
        #expect(HMAC.areEqual([], []))
        #expect(!HMAC.areEqual(code, []))
        #expect(!HMAC.areEqual(code, Array(code.dropLast())))
        for index in code.indices {
            var other = code
            other[index] ^= 1
            #expect(!HMAC.areEqual(code, other))
        }
    }
}
