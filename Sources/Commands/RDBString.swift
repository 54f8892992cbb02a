/// Strings as Redis' RDB format writes them: raw behind their length, small integers in binary, and longer
/// ones compressed where that pays.
///
/// A length takes one byte (two bits 00), two (01), five (0x80, big-endian) or nine (0x81); two bits 11 begin
/// an encoding instead of a length.
import Base

public enum RDBString {
    private static let encodingInteger8: UInt8 = 0xC0
    private static let encodingInteger16: UInt8 = 0xC1
    private static let encodingInteger32: UInt8 = 0xC2
    private static let encodingCompressed: UInt8 = 0xC3
    /// Redis does not try to compress shorter ones, and keeps what does not save this much.
    private static let compressedBytesMin = 21
    private static let savedBytesMin = 4

    // MARK: Writing

    public static func append(_ value: ByteView, to output: inout ByteBuffer) {
        if let number = value.canonicalInteger, let narrow = Int32(exactly: number) {
            return append(narrow, to: &output)
        }
        if value.count >= compressedBytesMin, appendCompressed(value, to: &output) { return }
        append(length: value.count, to: &output)
        output.append(value)
    }

    private static func append(_ number: Int32, to output: inout ByteBuffer) {
        if let byte = Int8(exactly: number) {
            output.append(encodingInteger8)
            output.append(littleEndian: byte)
        } else if let short = Int16(exactly: number) {
            output.append(encodingInteger16)
            output.append(littleEndian: short)
        } else {
            output.append(encodingInteger32)
            output.append(littleEndian: number)
        }
    }

    private static func appendCompressed(_ value: ByteView, to output: inout ByteBuffer) -> Bool {
        var compressed = ByteBuffer(capacity: value.count)
        guard Lzf.compress(value, bytesMax: value.count - savedBytesMin, into: &compressed) != nil else {
            return false
        }
        output.append(encodingCompressed)
        append(length: compressed.count, to: &output)
        append(length: value.count, to: &output)
        output.append(compressed.view)
        return true
    }

    public static func append(length: Int, to output: inout ByteBuffer) {
        if length < 1 << 6 {
            output.append(UInt8(length))
        } else if length < 1 << 14 {
            output.append(UInt8(0x40 | length >> 8))
            output.append(UInt8(length & 0xFF))
        } else if length <= Int(UInt32.max) {
            output.append(0x80 as UInt8)
            output.append(littleEndian: UInt32(length).byteSwapped)
        } else {
            output.append(0x81 as UInt8)
            output.append(littleEndian: UInt64(length).byteSwapped)
        }
    }

    // MARK: Reading

    /// Reads one string and appends its bytes to `output`. False where the input is no string; what it claims
    /// about lengths is believed only as far as its own bytes can bear it out.
    public static func read(_ reader: inout ByteReader, into output: inout ByteBuffer) -> Bool {
        let first = reader.byte()
        guard reader.isValid else { return false }
        switch first {
        case encodingInteger8: output.append(decimal: Int64(reader.littleEndian(Int8.self)))
        case encodingInteger16: output.append(decimal: Int64(reader.littleEndian(Int16.self)))
        case encodingInteger32: output.append(decimal: Int64(reader.littleEndian(Int32.self)))
        case encodingCompressed: return readCompressed(&reader, into: &output)
        default:
            guard let length = readLength(&reader, first), length <= reader.remaining else { return false }
            output.append(reader.view(length))
        }
        return reader.isValid
    }

    private static func readCompressed(_ reader: inout ByteReader, into output: inout ByteBuffer) -> Bool {
        guard let compressedCount = readLength(&reader, reader.byte()),
            let count = readLength(&reader, reader.byte()),
            compressedCount <= reader.remaining, count <= Limits.bulkBytesMax
        else { return false }
        let compressed = reader.view(compressedCount)
        return Lzf.expand(compressed, count: count, into: &output)
    }

    private static func readLength(_ reader: inout ByteReader, _ first: UInt8) -> Int? {
        guard reader.isValid else { return nil }
        let length: UInt64
        switch first {
        case 0..<0x40: length = UInt64(first)
        case 0x40..<0x80: length = UInt64(first & 0x3F) << 8 | UInt64(reader.byte())
        case 0x80: length = UInt64(reader.littleEndian(UInt32.self).byteSwapped)
        case 0x81: length = reader.littleEndian(UInt64.self).byteSwapped
        default: return nil
        }
        return reader.isValid ? Int(exactly: length) : nil
    }
}
