/// DUMP and RESTORE: a value as one opaque string that Redis takes as well.
///
///     type u8 (0: string), the value as in an RDB file, RDB version u16, CRC-64 of all that u64
import Base
import Engine
import RESP

let payloadCommands: [Command] = [
    Command(
        name: "DUMP", arity: 2, flags: [.readOnly], keys: [.one("RO ACCESS")], arguments: "key",
        summary: "Returns a serialized representation of the value stored at a key.", since: "2.6.0",
        group: "generic",
        complexity:
            "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
        tips: "nondeterministic_output", handler: dump),
    Command(
        name: "RESTORE", arity: -4, flags: [.write, .denyOutOfMemory], keys: [.one("OW UPDATE")],
        arguments: "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
        summary: "Creates a key from the serialized representation of a value.", since: "2.6.0", group: "generic",
        complexity:
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
        conflict: "a new write like SET: of two the later wins", categories: "@dangerous", handler: restore),
]

private enum DumpPayload {
    static let typeString: UInt8 = 0
    /// What is written: Redis 7.0 and everything later reads it.
    static let versionWritten: UInt16 = 10
    static let versionMax: UInt16 = 11
    static let footerBytes = 10

    static func make(_ value: ByteView) -> ByteBuffer {
        var payload = ByteBuffer(capacity: min(value.count, 1 << 20) + 32)
        payload.append(typeString)
        RDBString.append(value, to: &payload)
        payload.append(littleEndian: versionWritten)
        payload.append(littleEndian: crc64(payload.view))
        return payload
    }

    /// What stands before the footer, or nil where the footer does not fit it.
    static func body(of payload: ByteView) -> ByteView? {
        guard payload.count >= footerBytes else { return nil }
        let bodyBytes = payload.count - footerBytes
        var footer = ByteReader(payload.dropFirst(bodyBytes))
        guard footer.littleEndian(UInt16.self) <= versionMax else { return nil }
        return footer.littleEndian(UInt64.self) == crc64(payload.slice(0, bodyBytes + 2))
            ? payload.slice(0, bodyBytes) : nil
    }

    /// Appends the string in a checked body to `value`; false where there is something else. Like Redis it does
    /// not mind what follows the string.
    static func readString(in body: ByteView, into value: inout ByteBuffer) -> Bool {
        var reader = ByteReader(body)
        guard reader.byte() == typeString, reader.isValid else { return false }
        return RDBString.read(&reader, into: &value)
    }
}

@Sendable
private func dump(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    let value = key.read()
    if case .wrongType = value { throw .wrongType }
    guard let bytes = key.bytes(of: value) else { return call.reply.null() }
    let payload = DumpPayload.make(bytes)
    call.reply.bulk(payload.view)
}

private struct RestoreOptions {
    var replaces = false
    var isAbsolute = false
    var idleSeconds: Int64?
    var frequency: UInt8?

    init(_ arguments: Arguments) throws(CommandError) {
        var index = 4
        while index < arguments.count {
            let hasNext = index + 1 < arguments.count
            if arguments.isWord(index, "replace") {
                replaces = true
            } else if arguments.isWord(index, "absttl") {
                isAbsolute = true
            } else if arguments.isWord(index, "idletime"), hasNext, frequency == nil {
                index += 1
                let seconds = try arguments.integer(index)
                guard seconds >= 0 else { throw .fixed("ERR Invalid IDLETIME value, must be >= 0") }
                idleSeconds = seconds
            } else if arguments.isWord(index, "freq"), hasNext, idleSeconds == nil {
                index += 1
                guard let counter = UInt8(exactly: try arguments.integer(index)) else {
                    throw .fixed("ERR Invalid FREQ value, must be >= 0 and <= 255")
                }
                frequency = counter
            } else {
                throw .syntax
            }
            index += 1
        }
    }
}

@Sendable
private func restore(_ call: inout Invocation) throws(CommandError) {
    let options = try RestoreOptions(call.arguments)
    let key = call.key(1)
    guard options.replaces || !key.exists else { throw .fixed("BUSYKEY Target key name already exists.") }
    let lifetime = try call.arguments.integer(2)
    guard lifetime >= 0 else { throw .fixed("ERR Invalid TTL value, must be >= 0") }
    guard let body = DumpPayload.body(of: call.arguments[3]) else {
        throw .fixed("ERR DUMP payload version or checksum are wrong")
    }
    var value = ByteBuffer(capacity: 64)
    guard DumpPayload.readString(in: body, into: &value) else { throw .fixed("ERR Bad data format") }
    var deadline: Int64?
    if lifetime > 0 {
        let sum = lifetime.addingReportingOverflow(options.isAbsolute ? 0 : call.nowMilliseconds)
        // The very last moment means "never" in a record.
        // Past the end of time Redis comes out at its beginning: such a key has expired.
        deadline = min(sum.partialValue, .max - 1)
    }
    if let deadline, deadline <= call.nowMilliseconds {
        key.delete()
    } else {
        key.set(.bytes(value.view), deadline: deadline.map { .at(milliseconds: $0) } ?? .none)
        if let seconds = options.idleSeconds { key.setIdle(seconds: seconds) }
        if let frequency = options.frequency { key.setFrequency(frequency) }
    }
    call.reply.ok()
}
