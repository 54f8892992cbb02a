/// Exact decimals.
import Base
import Testing

@testable import CRDT

@Suite struct AmountTests {
    @Test(
        "Decimals are read exactly and written without trailing zeros",
        arguments: [
            ("0", "0"), ("-0", "0"), ("10", "10"), ("10.50", "10.5"), ("5.0e3", "5000"), ("+7", "7"), (".5", "0.5"),
            ("5.", "5"), ("1e-17", "0.00000000000000001"), ("-1.00000000000000001", "-1.00000000000000001"),
            ("100000000000000000000", "100000000000000000000"), ("0.00", "0"), ("00012", "12"), ("1E2", "100"),
            ("0.000e-99999999", "0"), ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"), ("1200e-2", "12"),
        ])
    func decimals(text: String, canonical: String) throws {
        let amount = try #require(bytes(text).withView { Amount(decimal: $0) })
        #expect(amount.text == bytes(canonical))
        #expect(amount.text.withView { Amount(decimal: $0) } == amount)
    }

    @Test(
        "What is no decimal, too fine or too large is none",
        arguments: [
            "", "-", "+", ".", "e5", "1e", "abc", "1x", " 1", "1 ", "1e-18", "1e22", "0x10", "inf", "nan",
            "1e9999999999",
        ])
    func refused(text: String) {
        #expect(bytes(text).withView { Amount(decimal: $0) } == nil)
    }

    @Test("Text of any amount reads back")
    func roundTrip() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<5000 {
            let units = (Int128(random.next()) << 60 ^ Int128(random.next())) >> Int128(random.below(124))
            let amount = Amount(units: random.below(2) == 0 ? units : -units)
            #expect(amount.text.withView { Amount(decimal: $0) } == amount, "seed 3: \(units)")
        }
    }
}
