/// Reading Redis' dump files, versions 6 to 12 and Valkey's 80: strings with their deadlines, all other types
/// parsed past and told by name, so that a dump with types a2 does not have still yields its strings.
///
///     file    = "REDIS" 4 digits | "VALKEY" 3 digits, then opcodes and keys, 0xFF, CRC-64 (8, from version 5 on)
///     key     = [deadline] [idle or frequency] type, name, value
import Base

/// What a dump's keys are made of.
enum RDBItem: Equatable {
    /// The value stands in `value`.
    case string
    /// A type this build cannot keep.
    case skipped(String)
}

final class RDBReader {
    let source: ByteSource
    let version: Int
    let isValkey: Bool
    private(set) var database = 0
    /// Of the key last returned. Unix milliseconds.
    private(set) var deadline: Int64?
    private(set) var idleSeconds: Int?
    private(set) var frequency: UInt8?
    var name = ByteBuffer(capacity: 256)
    var value = ByteBuffer(capacity: 4096)
    /// Numbers and names the file says of itself: redis-ver, ctime…
    private(set) var facts: [(name: String, value: String)] = []
    /// What else was passed over, by name: functions, module data.
    private(set) var passedOver: [String: Int] = [:]
    private(set) var isChecksummed = false
    private var scratch = ByteBuffer(capacity: 256)

    static let versionMin = 1
    static let versionMax = 12
    static let valkeyVersionMax = 80

    init(_ source: ByteSource) throws(ToolFailure) {
        self.source = source
        let magic = try source.peek(9)
        let text = String(decoding: magic, as: UTF8.self)
        isValkey = text.hasPrefix("VALKEY")
        guard magic.count == 9, isValkey || text.hasPrefix("REDIS"),
            let number = Int(text.dropFirst(isValkey ? 6 : 5)), number > 0
        else { throw .corrupt("\(source.name) is no dump of Redis or Valkey") }
        version = number
        let isKnown = isValkey ? number <= Self.valkeyVersionMax : number <= Self.versionMax
        guard isKnown else {
            throw .corrupt(
                "\(source.name) has dump version \(number), where this build reads up to \(Self.versionMax) "
                    + "of Redis and \(Self.valkeyVersionMax) of Valkey")
        }
        try source.skip(9)
    }

    /// A reader of one value, as DUMP gives it: the type byte and the value, without the footer.
    init(payload: ByteView, isValkey: Bool) {
        source = ByteSource(payload, name: "a dumped value")
        self.isValkey = isValkey
        version = isValkey ? Self.valkeyVersionMax : Self.versionMax
    }

    func nextOfPayload() throws(ToolFailure) -> RDBItem { try readValue(try source.byte()) }

    /// The next key; nil behind the last, once the checksum has been compared.
    func next() throws(ToolFailure) -> RDBItem? {
        deadline = nil
        idleSeconds = nil
        frequency = nil
        while true {
            let code = try source.byte()
            switch code {
            case 0xFF:
                try checkEnd()
                return nil
            case 0xFE:
                database = try bounded(try length(), "a database number")
            case 0xFD: deadline = Int64(try source.littleEndian(Int32.self)) * 1000
            case 0xFC: deadline = try source.littleEndian(Int64.self)
            case 0xFB:
                _ = try length()
                _ = try length()
            case 0xFA: try readFact()
            case 0xF9: frequency = try source.byte()
            case 0xF8: idleSeconds = try bounded(try length(), "an idle time")
            case 0xF7: try passModuleAuxiliary()
            case 0xF6: throw damaged("a function of a release candidate of Redis 7, which nothing else reads either")
            case 0xF5:
                try skipString()
                passedOver["function library", default: 0] += 1
            case 0xF4: for _ in 0..<3 { _ = try length() }
            default:
                name.removeAll()
                try readString(into: &name)
                return try readValue(code)
            }
        }
    }

    func damaged(_ what: String) -> ToolFailure {
        .corrupt("\(source.name): byte \(source.offset): \(what)")
    }

    private func bounded(_ number: UInt64, _ what: String) throws(ToolFailure) -> Int {
        guard let number = Int(exactly: number) else { throw damaged("\(what) that is too large") }
        return number
    }

    private func checkEnd() throws(ToolFailure) {
        guard version >= 5 else { return try checkNothingFollows() }
        let computed = source.checksum
        let stored = try source.littleEndian(UInt64.self)
        // Zero: whoever wrote it was told not to compute one.
        guard stored == 0 || stored == computed else {
            throw .corrupt(
                "\(source.name): the checksum says \(String(stored, radix: 16)) and the bytes say "
                    + "\(String(computed, radix: 16)): something in between is damaged")
        }
        isChecksummed = stored != 0
        try checkNothingFollows()
    }

    private func checkNothingFollows() throws(ToolFailure) {
        guard try source.isAtEnd() else { throw damaged("something follows the end of the dump") }
    }

    private func readFact() throws(ToolFailure) {
        var texts: [String] = []
        for _ in 0..<2 {
            scratch.removeAll()
            try readString(into: &scratch)
            texts.append(scratch.view.string)
        }
        // Some tools write thousands; they are for people to look at.
        if facts.count < 64 { facts.append((name: texts[0], value: texts[1])) }
    }

    // MARK: lengths and strings

    /// A length, where no encoding may stand in its place.
    func length() throws(ToolFailure) -> UInt64 {
        let first = try source.byte()
        guard let length = try length(first) else { throw damaged("an encoded string where a length should be") }
        return length
    }

    /// Nil for the encodings, whose number is in the low six bits.
    private func length(_ first: UInt8) throws(ToolFailure) -> UInt64? {
        switch first {
        case 0..<0x40: return UInt64(first)
        case 0x40..<0x80: return UInt64(first & 0x3F) << 8 | UInt64(try source.byte())
        case 0x80: return UInt64(try source.littleEndian(UInt32.self).byteSwapped)
        case 0x81: return try source.littleEndian(UInt64.self).byteSwapped
        case 0xC0...: return nil
        default: throw damaged("a length of unknown form \(first)")
        }
    }

    private func stringLength(_ number: UInt64?) throws(ToolFailure) -> Int {
        guard let number, number <= UInt64(Limits.bulkBytesMax) else {
            throw damaged("a string of \(number ?? 0) bytes, where Redis' limit is \(Limits.bulkBytesMax)")
        }
        return Int(number)
    }

    func readString(into output: inout ByteBuffer) throws(ToolFailure) {
        let first = try source.byte()
        if let count = try length(first) { return try source.read(try stringLength(count), into: &output) }
        switch first {
        case 0xC0: output.append(decimal: Int64(try source.littleEndian(Int8.self)))
        case 0xC1: output.append(decimal: Int64(try source.littleEndian(Int16.self)))
        case 0xC2: output.append(decimal: Int64(try source.littleEndian(Int32.self)))
        case 0xC3:
            let compressedCount = try stringLength(try length(try source.byte()))
            let count = try stringLength(try length(try source.byte()))
            var compressed = ByteBuffer(capacity: min(compressedCount, 64 * 1024))
            try source.read(compressedCount, into: &compressed)
            guard Lzf.expand(compressed.view, count: count, into: &output) else {
                throw damaged("a compressed string that does not expand to its \(count) bytes")
            }
        default: throw damaged("a string of unknown encoding \(first & 0x3F)")
        }
    }

    func skipString() throws(ToolFailure) {
        let first = try source.byte()
        if let count = try length(first) { return try source.skip(try skippable(count)) }
        switch first {
        case 0xC0: try source.skip(1)
        case 0xC1: try source.skip(2)
        case 0xC2: try source.skip(4)
        case 0xC3:
            let compressedCount = try length()
            _ = try length()
            try source.skip(try skippable(compressedCount))
        default: throw damaged("a string of unknown encoding \(first & 0x3F)")
        }
    }

    private func skippable(_ count: UInt64) throws(ToolFailure) -> Int { try bounded(count, "a length") }

    private func passModuleAuxiliary() throws(ToolFailure) {
        for _ in 0..<3 { _ = try length() }
        try skipModuleValues()
        passedOver["module data", default: 0] += 1
    }
}
