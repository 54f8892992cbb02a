/// One data directory, or the life of one node that has none.
///
/// The low 112 bits are drawn once and say which directory it is; the high 16 count, and grow when the node takes up a
/// name that is free again: under a new incarnation nobody takes it for whom had that name before.
import Base

public enum Incarnation {
    private static let countBits = 16

    public static func isOfOneDirectory(_ left: UInt128, _ right: UInt128) -> Bool {
        left << countBits == right << countBits
    }

    public static func next(_ incarnation: UInt128) -> UInt128 { incarnation &+ 1 << (128 - countBits) }
}
