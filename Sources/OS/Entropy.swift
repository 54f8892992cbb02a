/// Chance from the kernel: seeds, incarnations, challenges. Everything else is seeded from here.
import CLinux

public enum Entropy {
    /// A failure here has no remedy: a predictable seed or identity would be worse than stopping.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress {
                let result = a2_random(base, count)
                precondition(result == 0, "getrandom failed with errno \(-result)")
            }
            initialized = count
        }
    }

    public static var seed: UInt64 {
        bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
