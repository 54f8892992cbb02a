/// Reading what `JSONOutput` wrote, one value after the other: lines, or the elements of one array. Only the value at
/// hand is in memory.
import Base
import Options

struct JSONInput {
    private let source: ByteSource
    private var isInArray = false
    private var isFirst = true
    private(set) var count = 0

    /// A value takes no more: the largest string there may be, each byte written in six.
    private static let valueBytesMax = Limits.bulkBytesMax / 4 * 7

    init(_ source: ByteSource) { self.source = source }

    /// The next object; nil at the end.
    mutating func next() throws(ToolFailure) -> JSONObject? {
        guard let first = try skipSpace() else { return try end() }
        if isFirst, first == UInt8(ascii: "[") {
            source.consume(1)
            isInArray = true
        }
        guard var byte = try skipSpace() else { return try end() }
        if isInArray, byte == UInt8(ascii: "]") {
            source.consume(1)
            isInArray = false
            guard try skipSpace() == nil else { throw malformed("something follows the end of the array") }
            return nil
        }
        if isInArray, !isFirst {
            guard byte == UInt8(ascii: ",") else { throw malformed("expected ',' or ']'") }
            source.consume(1)
            guard let next = try skipSpace() else { return try end() }
            byte = next
        }
        isFirst = false
        guard byte == UInt8(ascii: "{") else { throw malformed("expected an object") }
        var text = ByteBuffer(capacity: 1024)
        try takeObject(into: &text)
        count += 1
        do {
            guard case .table(let members) = try JSONReader.read(text.view.string) else {
                throw malformed("expected an object")
            }
            return JSONObject(members: members, place: "\(source.name), object \(count)")
        } catch let error as ConfigurationError {
            throw malformed("\(error)")
        } catch let error as ToolFailure {
            throw error
        } catch { throw malformed("\(error)") }
    }

    func malformed(_ what: String) -> ToolFailure {
        .corrupt("\(source.name), byte \(source.offset), object \(count + 1): \(what)")
    }

    private func end() throws(ToolFailure) -> JSONObject? {
        if isInArray { throw malformed("the array does not end") }
        return nil
    }

    private func skipSpace() throws(ToolFailure) -> UInt8? {
        while true {
            let found = try source.withBuffered { view -> (spaces: Int, byte: UInt8?) in
                var at = 0
                while at < view.count, [32, 9, 10, 13].contains(view[at]) { at += 1 }
                return (at, at < view.count ? view[at] : nil)
            }
            source.consume(found.spaces)
            if let byte = found.byte { return byte }
            if found.spaces == 0 { return nil }
        }
    }

    /// From a brace to the one that closes it; strings are passed over.
    private func takeObject(into text: inout ByteBuffer) throws(ToolFailure) {
        var depth = 0
        var isInString = false
        var isEscaped = false
        while true {
            var part = ByteBuffer(capacity: 0)
            let isDone = try source.withBuffered { view -> Bool in
                var at = 0
                var isDone = false
                while at < view.count, !isDone {
                    let byte = view[at]
                    at += 1
                    if isEscaped {
                        isEscaped = false
                    } else if isInString {
                        if byte == UInt8(ascii: "\\") { isEscaped = true }
                        if byte == UInt8(ascii: "\"") { isInString = false }
                    } else if byte == UInt8(ascii: "\"") {
                        isInString = true
                    } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                        depth += 1
                    } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                        depth -= 1
                        isDone = depth == 0
                    }
                }
                part.append(view.slice(0, at))
                return isDone
            }
            source.consume(part.count)
            text.append(part.view)
            if isDone { return }
            guard !part.isEmpty else { throw malformed("the object does not end") }
            guard text.count <= Self.valueBytesMax else { throw malformed("an object that is too large") }
        }
    }
}

/// One object, asked for its members; what is missing or of the wrong kind is said with its place.
struct JSONObject {
    private var members: [String: ConfigurationValue] = [:]
    let place: String

    init(members list: [ConfigurationMember], place: String) {
        for member in list { members[member.path.last ?? ""] = member.value }
        self.place = place
    }

    func wrong(_ name: String, _ wanted: String) -> ToolFailure {
        .corrupt("\(place): '\(name)' is not \(wanted)")
    }

    func has(_ name: String) -> Bool { members[name] != nil }

    func text(_ name: String) throws(ToolFailure) -> String {
        guard case .string(let text)? = members[name] else { throw wrong(name, "a text") }
        return text
    }

    func integer(_ name: String) throws(ToolFailure) -> Int {
        guard case .integer(let number)? = members[name] else { throw wrong(name, "a whole number") }
        return number
    }

    func optionalInteger(_ name: String) throws(ToolFailure) -> Int? { has(name) ? try integer(name) : nil }

    func flag(_ name: String) throws(ToolFailure) -> Bool {
        switch members[name] {
        case .boolean(let flag): return flag
        case nil: return false
        default: throw wrong(name, "true or false")
        }
    }

    func bytes(_ name: String) throws(ToolFailure) -> [UInt8] {
        guard let value = members[name], let bytes = Self.bytes(value) else {
            throw wrong(name, #"a text or {"b64":…}"#)
        }
        return bytes
    }

    private static func bytes(_ value: ConfigurationValue) -> [UInt8]? {
        switch value {
        case .string(let text): return Array(text.utf8)
        case .table(let members):
            guard members.count == 1, members[0].path.last == "b64", case .string(let text) = members[0].value else {
                return nil
            }
            return Base64.decoded(text)
        default: return nil
        }
    }

    func object(_ name: String) throws(ToolFailure) -> JSONObject {
        guard case .table(let members)? = members[name] else { throw wrong(name, "an object") }
        return JSONObject(members: members, place: place + ", " + name)
    }

    /// None where the member is missing.
    func objects(_ name: String) throws(ToolFailure) -> [JSONObject] {
        guard let value = members[name] else { return [] }
        guard case .array(let elements) = value else { throw wrong(name, "an array") }
        var objects: [JSONObject] = []
        for element in elements {
            guard case .table(let members) = element else { throw wrong(name, "an array of objects") }
            objects.append(JSONObject(members: members, place: place + ", " + name))
        }
        return objects
    }

    func integers(_ name: String) throws(ToolFailure) -> [Int] {
        guard let value = members[name] else { return [] }
        guard case .array(let elements) = value else { throw wrong(name, "an array") }
        var numbers: [Int] = []
        for element in elements {
            guard case .integer(let number) = element else { throw wrong(name, "an array of numbers") }
            numbers.append(number)
        }
        return numbers
    }

    func texts(_ name: String) throws(ToolFailure) -> [String] {
        guard let value = members[name] else { return [] }
        guard case .array(let elements) = value else { throw wrong(name, "an array") }
        var texts: [String] = []
        for element in elements {
            guard case .string(let text) = element else { throw wrong(name, "an array of texts") }
            texts.append(text)
        }
        return texts
    }
}
