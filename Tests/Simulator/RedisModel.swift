/// A Redis of a few keys: what one server alone would reply and hold, written without regard for anything
/// below it. Each command a node runs is run here too, on what the node showed just before.
import Base
import CRDT
import RESP

public struct RedisModel: Equatable {
    public var keys: [[UInt8]: KeyView] = [:]
    public var now: Int64

    public init(now: Int64) { self.now = now }

    public typealias Bytes = [UInt8]

    private struct Failure: Error {
        let text: String
        static let wrongType = Failure(text: "WRONGTYPE Operation against a key holding the wrong kind of value")
        static let notInteger = Failure(text: "ERR value is not an integer or out of range")
    }

    public mutating func run(_ arguments: [Bytes]) -> ReplyValue {
        do { return try execute(arguments) } catch let failure as Failure {
            return .error(Array(failure.text.utf8))
        } catch { preconditionFailure("\(error)") }
    }

    private func string(_ key: Bytes) throws -> Bytes? {
        switch keys[key]?.value {
        case nil: return nil
        case .set: throw Failure.wrongType
        case .string(let bytes): return bytes
        }
    }

    private func elements(_ key: Bytes) throws -> [Bytes] {
        switch keys[key]?.value {
        case nil: return []
        case .set(let elements): return elements
        case .string: throw Failure.wrongType
        }
    }

    private func number(_ text: Bytes) -> Int64 { text.withView { $0.canonicalInteger } ?? 0 }

    private mutating func store(_ key: Bytes, _ value: Bytes) {
        keys[key] = KeyView(value: .string(value), deadline: keys[key]?.deadline)
    }

    private mutating func execute(_ a: [Bytes]) throws -> ReplyValue {
        let name = String(decoding: a[0], as: UTF8.self)
        switch name {
        case "GET": return try string(a[1]).map { .bulk($0) } ?? .null
        case "STRLEN": return .integer(Int64(try string(a[1])?.count ?? 0))
        case "EXISTS": return .integer(keys[a[1]] == nil ? 0 : 1)
        case "TYPE":
            guard let view = keys[a[1]] else { return .simple(Array("none".utf8)) }
            if case .set = view.value { return .simple(Array("set".utf8)) }
            return .simple(Array("string".utf8))
        case "PTTL":
            guard let view = keys[a[1]] else { return .integer(-2) }
            return .integer(view.deadline.map { max($0 - now, 0) } ?? -1)
        case "T.ALL": return .array(try elements(a[1]).map { .bulk($0) })
        case "SET", "SETNX", "GETSET", "GETDEL", "MSET", "INCR", "DECR", "INCRBY", "INCRBYFLOAT", "APPEND", "SETRANGE",
            "SETBIT":
            return try writeString(name, a)
        default: return try writeKey(name, a)
        }
    }

    private mutating func writeString(_ name: String, _ a: [Bytes]) throws -> ReplyValue {
        switch name {
        case "SET": return set(a)
        case "SETNX":
            if keys[a[1]] != nil { return .integer(0) }
            store(a[1], a[2])
            return .integer(1)
        case "GETSET":
            let old = try string(a[1])
            keys[a[1]] = KeyView(value: .string(a[2]))
            return old.map { .bulk($0) } ?? .null
        case "GETDEL":
            let old = try string(a[1])
            keys[a[1]] = nil
            return old.map { .bulk($0) } ?? .null
        case "MSET":
            for index in stride(from: 1, to: a.count, by: 2) { keys[a[index]] = KeyView(value: .string(a[index + 1])) }
            return .ok
        case "INCR": return try increment(a[1], by: 1)
        case "DECR": return try increment(a[1], by: -1)
        case "INCRBY": return try increment(a[1], by: number(a[2]))
        case "INCRBYFLOAT":
            let old = try string(a[1]) ?? [48]
            guard let present = old.withView({ LongDouble(text: $0) }),
                let amount = a[2].withView({ LongDouble(text: $0) })
            else { throw Failure(text: "ERR value is not a valid float") }
            guard let text = (present + amount).humanText else {
                throw Failure(text: "ERR increment would produce NaN or Infinity")
            }
            store(a[1], text)
            return .bulk(text)
        default: return try patch(name, a)
        }
    }

    /// SET key value [PX milliseconds | PXAT milliseconds | KEEPTTL] [NX | XX]
    private mutating func set(_ a: [Bytes]) -> ReplyValue {
        let options = a.dropFirst(3).map { String(decoding: $0, as: UTF8.self) }
        if options.contains("NX"), keys[a[1]] != nil { return .null }
        if options.contains("XX"), keys[a[1]] == nil { return .null }
        var deadline: Int64?
        if options.contains("KEEPTTL") { deadline = keys[a[1]]?.deadline }
        if let at = options.firstIndex(of: "PX") { deadline = now + (Int64(options[at + 1]) ?? 0) }
        if let at = options.firstIndex(of: "PXAT") { deadline = Int64(options[at + 1]) }
        keys[a[1]] = (deadline ?? .max) <= now ? nil : KeyView(value: .string(a[2]), deadline: deadline)
        return .ok
    }

    private mutating func increment(_ key: Bytes, by amount: Int64) throws -> ReplyValue {
        guard let old = (try string(key) ?? [48]).withView({ $0.canonicalInteger }) else { throw Failure.notInteger }
        let (sum, overflow) = old.addingReportingOverflow(amount)
        if overflow { throw Failure(text: "ERR increment or decrement would overflow") }
        store(key, Array("\(sum)".utf8))
        return .integer(sum)
    }

    private mutating func patch(_ name: String, _ a: [Bytes]) throws -> ReplyValue {
        var value = try string(a[1]) ?? []
        switch name {
        case "APPEND":
            value += a[2]
        case "SETRANGE":
            let offset = Int(number(a[2]))
            if a[3].isEmpty { return .integer(Int64(value.count)) }
            while value.count < offset + a[3].count { value.append(0) }
            value.replaceSubrange(offset..<offset + a[3].count, with: a[3])
        default:
            let bit = Int(number(a[2]))
            while value.count <= bit / 8 { value.append(0) }
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            let old = value[bit / 8] & mask != 0
            value[bit / 8] = a[3] == [49] ? value[bit / 8] | mask : value[bit / 8] & ~mask
            store(a[1], value)
            return .integer(old ? 1 : 0)
        }
        store(a[1], value)
        return .integer(Int64(value.count))
    }

    private mutating func writeKey(_ name: String, _ a: [Bytes]) throws -> ReplyValue {
        switch name {
        case "DEL": return .integer(keys.removeValue(forKey: a[1]) == nil ? 0 : 1)
        case "PEXPIRE", "PEXPIREAT":
            guard keys[a[1]] != nil else { return .integer(0) }
            let deadline = number(a[2]) + (name == "PEXPIRE" ? now : 0)
            if deadline <= now { keys[a[1]] = nil } else { keys[a[1]]?.deadline = deadline }
            return .integer(1)
        case "PERSIST":
            guard keys[a[1]]?.deadline != nil else { return .integer(0) }
            keys[a[1]]?.deadline = nil
            return .integer(1)
        case "RENAME":
            guard let view = keys[a[1]] else { throw Failure(text: "ERR no such key") }
            keys[a[1]] = nil
            keys[a[2]] = view
            return .ok
        case "COPY":
            guard let view = keys[a[1]] else { return .integer(0) }
            guard a.count > 3 || keys[a[2]] == nil else { return .integer(0) }
            keys[a[2]] = view
            return .integer(1)
        case "FLUSHDB":
            keys.removeAll()
            return .ok
        case "T.ADD":
            var found = try elements(a[1])
            if found.contains(a[2]) { return .integer(0) }
            found.append(a[2])
            found.sort { $0.lexicographicallyPrecedes($1) }
            keys[a[1]] = KeyView(value: .set(found), deadline: keys[a[1]]?.deadline)
            return .integer(1)
        case "T.REM":
            var found = try elements(a[1])
            guard let index = found.firstIndex(of: a[2]) else { return .integer(0) }
            found.remove(at: index)
            keys[a[1]] = found.isEmpty ? nil : KeyView(value: .set(found), deadline: keys[a[1]]?.deadline)
            return .integer(1)
        default: preconditionFailure("the model knows no \(name)")
        }
    }
}

extension ReplyValue {
    static var ok: ReplyValue { .simple(Array("OK".utf8)) }
}
