/// The LZF format, in which Redis compresses strings inside dump payloads and RDB files.
///
/// A control byte below 32 is followed by that many literal bytes and one more. Any other begins a copy from
/// what has been written: three bits of length (7: a byte with the rest follows) and thirteen bits of
/// distance. Input comes from outside, so every read and every copy is checked.
import CIntrinsics

public enum Lzf {
    /// The longest copy takes three bytes for 264.
    private static let copyLengthMax = 264
    private static let distanceMax = 8192
    private static let literalsMax = 32
    private static let hashBits = 13

    /// Whether `compressed` bytes could ever make `count`: what to check before making room for them.
    public static func couldExpand(_ compressed: Int, to count: Int) -> Bool {
        count <= (compressed / 3 + 1) * copyLengthMax
    }

    /// Appends the `count` bytes that `input` stands for, or nothing and false where it stands for something else.
    public static func expand(_ input: ByteView, count: Int, into output: inout ByteBuffer) -> Bool {
        guard count > 0, couldExpand(input.count, to: count) else { return count == 0 && input.isEmpty }
        output.reserve(count)
        guard expand(input, to: output.writable, count: count) else { return false }
        output.commit(count)
        return true
    }

    private static func expand(_ input: ByteView, to place: UnsafeMutablePointer<UInt8>, count: Int) -> Bool {
        var at = 0
        var written = 0
        while at < input.count {
            let control = Int(input[at])
            at += 1
            if control < literalsMax {
                let length = control + 1
                guard length <= input.count - at, length <= count - written else { return false }
                a2_memory_copy(place + written, input.start + at, length)
                at += length
                written += length
                continue
            }
            var length = control >> 5
            if length == 7 {
                guard at < input.count else { return false }
                length += Int(input[at])
                at += 1
            }
            guard at < input.count else { return false }
            let distance = (control & 31) << 8 + Int(input[at]) + 1
            at += 1
            length += 2
            guard distance <= written, length <= count - written else { return false }
            // A copy may reach into what it writes: byte by byte, forwards.
            for step in 0..<length { place[written + step] = place[written + step - distance] }
            written += length
        }
        return written == count
    }

    /// Appends `input` compressed and returns how many bytes that took, or nil where it would take more than
    /// `bytesMax`.
    public static func compress(_ input: ByteView, bytesMax: Int, into output: inout ByteBuffer) -> Int? {
        guard input.count > 4, input.count <= Int(UInt32.max), bytesMax > 0 else { return nil }
        let start = output.count
        let fits = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 1 << hashBits) { places in
            places.initialize(repeating: .max)
            guard let table = places.baseAddress else { return false }
            return compress(input, bytesMax: bytesMax, table, start, &output)
        }
        if fits { return output.count - start }
        output.truncate(to: start)
        return nil
    }

    private static func compress(
        _ input: ByteView, bytesMax: Int, _ places: UnsafeMutablePointer<UInt32>, _ start: Int,
        _ output: inout ByteBuffer
    ) -> Bool {
        var at = 0
        var literalStart = 0
        while at + 3 <= input.count {
            let slot = hash(input.start + at)
            let candidate = Int(places[slot])
            places[slot] = UInt32(at)
            let distance = at - candidate
            guard distance > 0, distance <= distanceMax, matches(input.start + candidate, input.start + at) else {
                at += 1
                // What does not compress is noticed after a part of it.
                if output.count - start + (at - literalStart) > bytesMax { return false }
                continue
            }
            appendLiterals(input.slice(literalStart, at - literalStart), to: &output)
            let longest = min(input.count - at, copyLengthMax)
            var length = 3
            while length < longest, input.start[candidate + length] == input.start[at + length] { length += 1 }
            appendCopy(length: length, distance: distance, to: &output)
            let end = at + length
            at += 1
            // Remembering a few places inside the copy finds most repetitions that begin there.
            while at < end, at + 3 <= input.count {
                places[hash(input.start + at)] = UInt32(at)
                at += length > 32 ? 8 : 1
            }
            at = end
            literalStart = end
            if output.count - start > bytesMax { return false }
        }
        appendLiterals(input.dropFirst(literalStart), to: &output)
        return output.count - start <= bytesMax
    }

    private static func appendLiterals(_ literals: ByteView, to output: inout ByteBuffer) {
        var at = 0
        while at < literals.count {
            let length = min(literals.count - at, literalsMax)
            output.append(UInt8(length - 1))
            output.append(literals.slice(at, length))
            at += length
        }
    }

    private static func appendCopy(length: Int, distance: Int, to output: inout ByteBuffer) {
        let reach = distance - 1
        let said = length - 2
        if said < 7 {
            output.append(UInt8(said << 5 | reach >> 8))
        } else {
            output.append(UInt8(7 << 5 | reach >> 8))
            output.append(UInt8(said - 7))
        }
        output.append(UInt8(reach & 0xFF))
    }

    @inline(__always)
    private static func hash(_ place: UnsafePointer<UInt8>) -> Int {
        let word = UInt32(place[0]) | UInt32(place[1]) << 8 | UInt32(place[2]) << 16
        return Int((word &* 0x9E37_79B1) >> UInt32(32 - hashBits))
    }

    @inline(__always)
    private static func matches(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>) -> Bool {
        left[0] == right[0] && left[1] == right[1] && left[2] == right[2]
    }
}
