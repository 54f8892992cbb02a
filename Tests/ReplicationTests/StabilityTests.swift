/// The cuts that follow from what members announce.
import Base
import Replication
import Testing

@Suite struct StabilityTests {
    private let one = Replica(node: 1, generation: 0)
    private let two = Replica(node: 2, generation: 0)
    private let three = Replica(node: 3, generation: 0)

    private func fences(_ ticks: [(Replica, UInt64)]) -> Versions {
        Versions(ticks.map { Stamp(tick: $0.1, replica: $0.0) })
    }

    @Test("The cut is the lowest fence anybody has applied of anybody")
    func lowest() {
        var stability = Stability()
        stability.count([two, one])
        stability.note(applied: fences([(one, 9), (two, 5)]), cut: .zero, by: one)
        #expect(stability.cut.isZero)
        stability.note(applied: fences([(one, 7), (two, 8)]), cut: .zero, by: two)
        #expect(stability.cut == Stamp(tick: 5, replica: two).asCut)
        #expect(stability.settleCut.isZero)
        stability.note(applied: fences([(one, 10), (two, 8)]), cut: Stamp(rawValue: 100), by: one)
        #expect(stability.cut == Stamp(tick: 7, replica: one).asCut)
        #expect(stability.settleCut.isZero)
        stability.note(applied: Versions(), cut: Stamp(rawValue: 50), by: two)
        #expect(stability.settleCut == Stamp(rawValue: 50))
    }

    @Test("A member that is counted anew stops the cuts, and neither goes back")
    func joining() {
        var stability = Stability()
        stability.count([one, two])
        stability.note(applied: fences([(one, 9), (two, 9)]), cut: Stamp(rawValue: 70), by: one)
        stability.note(applied: fences([(one, 9), (two, 9)]), cut: Stamp(rawValue: 70), by: two)
        let cut = stability.cut
        stability.count([one, two, three])
        stability.note(applied: fences([(one, 20), (two, 20)]), cut: Stamp(rawValue: 90), by: one)
        stability.note(applied: fences([(one, 20), (two, 20)]), cut: Stamp(rawValue: 90), by: two)
        #expect(stability.cut == cut)
        #expect(stability.settleCut == Stamp(rawValue: 70))
        #expect(stability.slowest.first?.replica == one || stability.slowest.first?.applied.isZero == true)
        // Nobody counts the silent one any more: what the others know is enough again.
        stability.count([one, two])
        #expect(stability.cut == Stamp(tick: 20, replica: one).asCut)
    }

    @Test("Who is not counted has no say")
    func stranger() {
        var stability = Stability()
        stability.count([one])
        stability.note(applied: fences([(one, 3)]), cut: Stamp(rawValue: 1), by: two)
        #expect(stability.cut.isZero)
    }
}
