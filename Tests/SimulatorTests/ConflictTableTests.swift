/// The documented conflicts of strings, counters and expiry, by real commands on whole nodes.
import Base
import RESP
import Testing

@testable import Simulator

@Suite struct ConflictTableTests {
    static let sizes = [2, 3]

    /// Every node shows `expected` once the frames have come, and still when history is forgotten.
    func expect(_ regions: Regions, key: String = "k", _ expected: String, line: Int = #line) {
        var regions = regions
        let location = SourceLocation(fileID: #fileID, filePath: #filePath, line: line, column: 1)
        regions.synchronize()
        #expect(regions.shown(key) == [expected], sourceLocation: location)
        regions.settle()
        #expect(regions.shown(key) == [expected], "after settling", sourceLocation: location)
    }

    func regions(_ size: Int, isSettled: Bool = false, _ setup: String...) -> Regions {
        var regions = Regions(size)
        for command in setup { regions.run(0, command) }
        regions.synchronize()
        if isSettled { regions.settle() }
        return regions
    }

    @Test("S1: SET ‖ SET, the later wins", arguments: sizes)
    func s1(size: Int) {
        var regions = regions(size)
        regions.run(0, "SET k a")
        regions.run(1, "SET k b")
        expect(regions, "'b'")
    }

    @Test("At the same instant the lower node id wins", arguments: sizes)
    func tie(size: Int) {
        var regions = regions(size)
        regions.run(1, "SET k b")
        regions.run(0, "SET k a", later: 0)
        expect(regions, "'a'")
    }

    @Test("C1: increments add up", arguments: sizes)
    func c1(size: Int) {
        var regions = regions(size)
        #expect(regions.run(0, "INCRBY k 7") == .integer(7))
        #expect(regions.run(1, "INCRBY k 3") == .integer(3))
        regions.synchronize()
        #expect(regions.shown() == ["'10'"])
        #expect(regions.run(0, "DECRBY k 3") == .integer(7))
        #expect(regions.run(1, "INCRBY k 6") == .integer(16))
        expect(regions, "'13'")
    }

    @Test("U1: SET 50 ‖ INCR is 51", arguments: sizes, [false, true])
    func u1(size: Int, isSettled: Bool) {
        var regions = regions(size, isSettled: isSettled, "SET k 10")
        regions.run(0, "SET k 50")
        #expect(regions.run(1, "INCR k") == .integer(11))
        expect(regions, "'51'")
    }

    @Test("U2: DEL ‖ DEL ‖ INCRBY 3 leaves 3, not less")
    func u2() {
        var regions = regions(3, "INCR k", "INCR k", "INCR k", "INCR k")
        regions.run(1, "DEL k")
        regions.run(2, "DEL k")
        #expect(regions.run(0, "INCRBY k 3") == .integer(7))
        expect(regions, "'3'")
    }

    @Test("U2 at two nodes: DEL ‖ INCRBY 3", arguments: [false, true])
    func u2AtTwo(isSettled: Bool) {
        var regions = regions(2, isSettled: isSettled, "INCR k", "INCR k", "INCR k", "INCR k")
        regions.run(1, "DEL k")
        regions.run(0, "INCRBY k 3")
        expect(regions, "'3'")
    }

    @Test("U3: what a SET observed does not come back", arguments: sizes)
    func u3(size: Int) {
        var regions = regions(size, "SET k 1")
        for _ in 0..<3 { regions.run(0, "INCR k") }
        regions.run(0, "SET k 2")
        regions.run(1, "SET k 2")
        expect(regions, "'2'")
    }

    @Test("U4: SET ‖ DEL keeps the value", arguments: sizes, [false, true])
    func u4(size: Int, isSettled: Bool) {
        var regions = regions(size, isSettled: isSettled, "SET k old")
        regions.run(0, "SET k new")
        #expect(regions.run(1, "DEL k") == .integer(1))
        expect(regions, "'new'")
    }

    @Test("U5: SET abc ‖ INCR shows abc", arguments: sizes)
    func u5(size: Int) {
        var regions = regions(size)
        regions.run(0, "SET k abc")
        regions.run(1, "INCR k")
        expect(regions, "'abc'")
    }

    @Test("U6: the later write's type is visible", arguments: sizes)
    func u6(size: Int) {
        var regions = regions(size)
        regions.run(0, "SET k v")
        regions.run(1, "T.ADD k x")
        regions.run(0, "T.ADD l x")
        regions.run(1, "SET l v")
        expect(regions, "{x}")
        expect(regions, key: "l", "'v'")
    }

    @Test("U7: RENAME ‖ a write to the source: the copy has the old, the source what was not seen", arguments: sizes)
    func u7(size: Int) {
        var regions = regions(size, "T.ADD k x")
        regions.run(0, "RENAME k l")
        regions.run(1, "T.ADD k y")
        expect(regions, "{y}")
        expect(regions, key: "l", "{x}")
    }

    @Test("U7 with counters", arguments: sizes)
    func u7Counter(size: Int) {
        var regions = regions(size, "INCRBY k 5")
        regions.run(0, "RENAME k l")
        regions.run(1, "INCRBY k 2")
        expect(regions, "'2'")
        expect(regions, key: "l", "'5'")
    }

    @Test("U8: APPEND ‖ APPEND keeps both in time order", arguments: sizes, [false, true])
    func u8(size: Int, isSettled: Bool) {
        var regions = regions(size, isSettled: isSettled, "SET k log:")
        regions.run(1, "APPEND k b")
        regions.run(0, "APPEND k a")
        expect(regions, "'log:ba'")
    }

    @Test("SETBIT ‖ SETBIT keeps both bits", arguments: sizes)
    func setBits(size: Int) {
        var regions = regions(size, "SET k @")
        regions.run(0, "SETBIT k 7 1")
        regions.run(1, "SETBIT k 2 1")
        expect(regions, "'a'")
    }

    @Test("U9: adding a present element ‖ removing it keeps it", arguments: sizes)
    func u9(size: Int) {
        var regions = regions(size, "T.ADD k x")
        regions.run(0, "T.ADD k x")
        regions.run(1, "T.REM k x")
        expect(regions, "{x}")
    }

    @Test("U10: expired here ‖ a longer EXPIRE there before that: the key lives", arguments: sizes)
    func u10(size: Int) {
        var regions = regions(size, "SET k v PX 20")
        regions.run(1, "PEXPIRE k 1000000")
        let deadline = regions.now + 1_000_000
        #expect(regions.run(0, "GET k", later: 100) == .null)
        expect(regions, "'v' until \(deadline)")
    }

    @Test("U11: the TTL is the winning SET's", arguments: sizes)
    func u11(size: Int) {
        var regions = regions(size)
        regions.run(0, "SET k plain")
        regions.run(1, "SET k v EX 10")
        let deadline = regions.now + 10_000
        expect(regions, "'v' until \(deadline)")
        regions.run(1, "SET l v EX 10")
        regions.run(0, "SET l plain")
        expect(regions, key: "l", "'plain'")
    }

    @Test("E1: the longer EXPIRE wins", arguments: sizes)
    func e1(size: Int) {
        var regions = regions(size, "SET k v")
        regions.run(0, "EXPIRE k 50")
        let deadline = regions.now + 50_000
        regions.run(1, "EXPIRE k 10")
        expect(regions, "'v' until \(deadline)")
    }

    @Test("E1: PERSIST beats both")
    func e1Persist() {
        var regions = regions(3, "SET k v EX 100")
        regions.run(0, "EXPIRE k 10")
        regions.run(1, "EXPIRE k 50")
        #expect(regions.run(2, "PERSIST k") == .integer(1))
        expect(regions, "'v'")
    }
}
