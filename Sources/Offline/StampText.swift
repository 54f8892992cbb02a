/// Stamps, versions and amounts as people read them, and back.
import Base
import CRDT

enum StampText {
    /// Reads `Stamp.description`: "1800000000000+0@1.2", or "0".
    static func stamp(_ text: String) -> Stamp? {
        if text == "0" { return .zero }
        guard let plus = text.firstIndex(of: "+"), let at = text.firstIndex(of: "@"), plus < at,
            let milliseconds = Int64(text[..<plus]), let counter = UInt64(text[text.index(after: plus)..<at]),
            let replica = replica(String(text[text.index(after: at)...]), mayBeNobody: true)
        else { return nil }
        let since = milliseconds - Stamp.epochMilliseconds
        guard since >= 0, since < 1 << 42, counter < 1 << Stamp.counterBits else { return nil }
        let stamp = Stamp(tick: UInt64(since) << Stamp.counterBits | counter, replica: replica)
        return stamp.description == text ? stamp : nil
    }

    /// "3" or "3.1": node and generation.
    static func replica(_ text: String, mayBeNobody: Bool = false) -> Replica? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let node = UInt8(parts[0]), node > 0 || mayBeNobody else { return nil }
        guard parts.count == 2 else { return Replica(rawValue: UInt16(node)) }
        guard let generation = UInt8(parts[1]), generation < 4 else { return nil }
        return Replica(rawValue: UInt16(generation) << 8 | UInt16(node))
    }

    /// A stamp, or a time as Unix milliseconds: what --from and --to take.
    static func bound(_ text: String, isUpper: Bool) -> Stamp? {
        if let milliseconds = Int64(text) {
            let since = milliseconds - Stamp.epochMilliseconds
            guard since >= 0, since < 1 << 42 else { return nil }
            let first = UInt64(since) << (Stamp.counterBits + Stamp.replicaBits)
            return Stamp(rawValue: isUpper ? first | (1 << (Stamp.counterBits + Stamp.replicaBits) - 1) : first)
        }
        return stamp(text)
    }

    static func amount(_ amount: Amount) -> String {
        let text = amount.text
        if text.withView({ Amount(decimal: $0) }) == amount { return String(decoding: text, as: UTF8.self) }
        // At the very ends of the range a decimal is not read back.
        return "units:\(amount.units)"
    }

    static func amount(_ text: String) -> Amount? {
        if text.hasPrefix("units:") { return Int128(text.dropFirst(6)).map { Amount(units: $0) } }
        return Array(text.utf8).withView { Amount(decimal: $0) }
    }
}

extension JSONOutput {
    mutating func field(_ name: StaticString, _ stamp: Stamp) { field(name, stamp.description) }

    mutating func field(_ name: StaticString, _ versions: Versions) {
        array(name) { json in for stamp in versions.stamps { json.value(stamp.description) } }
    }

    mutating func field(_ name: StaticString, _ amount: Amount) { field(name, StampText.amount(amount)) }
}

extension JSONObject {
    func stamp(_ name: String) throws(ToolFailure) -> Stamp {
        guard let stamp = StampText.stamp(try text(name)) else { throw wrong(name, "a stamp") }
        return stamp
    }

    func versions(_ name: String) throws(ToolFailure) -> Versions {
        var versions = Versions()
        for text in try texts(name) {
            guard let stamp = StampText.stamp(text), versions[stamp.replica].isZero else {
                throw wrong(name, "a list of stamps, one of each replica")
            }
            versions.advance(to: stamp)
        }
        return versions
    }

    func amount(_ name: String) throws(ToolFailure) -> Amount {
        guard let amount = StampText.amount(try text(name)) else { throw wrong(name, "a decimal number") }
        return amount
    }

    func replica(_ name: String) throws(ToolFailure) -> Replica {
        guard let replica = StampText.replica(try text(name), mayBeNobody: true) else {
            throw wrong(name, "a replica such as 1 or 1.2")
        }
        return replica
    }
}
