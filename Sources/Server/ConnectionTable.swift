/// The connections of one loop by slot. A token carries slot and the low bits of the client id, so that an
/// event for a connection that has just been closed finds nobody.
import Base
import Commands

struct ConnectionTable: ~Copyable {
    private(set) var slots: [UnsafeMutablePointer<Connection>?] = []
    private var freeSlots: [Int] = []
    private(set) var count = 0

    private static let slotBits: UInt64 = 24

    mutating func insert(_ connection: consuming Connection) -> Int {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(nil) }
        let place = UnsafeMutablePointer<Connection>.allocate(capacity: 1)
        place.initialize(to: connection)
        slots[slot] = place
        count += 1
        return slot
    }

    mutating func remove(_ slot: Int) {
        guard let place = slots[slot] else { return }
        slots[slot] = nil
        freeSlots.append(slot)
        count -= 1
        place.deinitialize(count: 1)
        place.deallocate()
    }

    @inline(__always)
    subscript(slot: Int) -> UnsafeMutablePointer<Connection>? {
        slot < slots.count ? slots[slot] : nil
    }

    static func token(slot: Int, client: UInt64) -> UInt64 {
        UInt64(slot) | client << slotBits
    }

    /// The slot of a token whose connection is still there.
    @inline(__always)
    func slot(of token: UInt64) -> Int? {
        let slot = Int(token & (1 << Self.slotBits - 1))
        guard let connection = self[slot] else { return nil }
        return connection.session.pointee.id << Self.slotBits == token & ~(1 << Self.slotBits - 1) ? slot : nil
    }
}
