/// Writing JSON: values are appended in place, commas come by themselves.
///
/// Bytes that are valid UTF-8 are strings; all others are `{"b64":"…"}`, so that any key and any value can be told
/// and read back.
import Base

struct JSONOutput: ~Copyable {
    private(set) var bytes = ByteBuffer(capacity: 1024)
    private var needsComma = false

    mutating func removeAll() {
        bytes.removeAll()
        bytes.shrink(to: 1 << 20)
        needsComma = false
    }

    func lend<Failure: Error>(_ body: (borrowing ByteBuffer) throws(Failure) -> Void) throws(Failure) {
        try body(bytes)
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: structure

    mutating func object(_ body: (inout JSONOutput) -> Void) { enclose("{", "}", body) }
    mutating func array(_ body: (inout JSONOutput) -> Void) { enclose("[", "]", body) }

    private mutating func enclose(_ open: StaticString, _ close: StaticString, _ body: (inout JSONOutput) -> Void) {
        separate()
        bytes.append(open)
        needsComma = false
        body(&self)
        bytes.append(close)
        needsComma = true
    }

    mutating func key(_ name: StaticString) { key(name.description) }

    mutating func key(_ name: String) {
        separate()
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func field(_ name: StaticString, _ text: String) {
        key(name)
        value(text)
    }

    mutating func field(_ name: StaticString, _ number: Int64) {
        key(name)
        value(number)
    }

    mutating func field(_ name: StaticString, _ number: Int) { field(name, Int64(number)) }

    mutating func field(_ name: StaticString, _ flag: Bool) {
        key(name)
        raw(flag ? "true" : "false")
    }

    mutating func field(_ name: StaticString, _ view: ByteView) {
        key(name)
        value(view)
    }

    mutating func field(_ name: StaticString, _ array: [UInt8]) { array.withView { field(name, $0) } }

    mutating func object(_ name: StaticString, _ body: (inout JSONOutput) -> Void) {
        key(name)
        object(body)
    }

    mutating func array(_ name: StaticString, _ body: (inout JSONOutput) -> Void) {
        key(name)
        array(body)
    }

    // MARK: values

    private mutating func raw(_ text: StaticString) {
        separate()
        bytes.append(text)
    }

    mutating func null() { raw("null") }

    mutating func value(_ number: Int64) {
        separate()
        bytes.append(decimal: number)
    }

    mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }

    mutating func value(_ text: String) {
        separate()
        string(text)
    }

    mutating func value(_ view: ByteView) {
        guard let text = String(validating: view.raw, as: UTF8.self) else {
            return object { $0.field("b64", Base64.encoded(view)) }
        }
        value(text)
    }

    private mutating func string(_ text: String) {
        JSONSpelling.quoted(text).withBytes { bytes.append($0) }
    }
}
