/// The documented conflicts of strings, counters, sets and expiry, at two and three nodes.
import Base
import Testing

@testable import CRDT

@Suite struct ConflictTableTests {
    static let sizes = [2, 3]

    func cluster(_ size: Int, _ setup: (inout Cluster) -> Void = { _ in }) -> Cluster {
        var cluster = Cluster(size)
        setup(&cluster)
        cluster.synchronize()
        return cluster
    }

    /// Every node shows `expected`, before and after settling.
    func expect(_ cluster: Cluster, _ key: String, _ expected: String, line: Int = #line) {
        var cluster = cluster
        cluster.synchronize()
        let location = SourceLocation(fileID: #fileID, filePath: #filePath, line: line, column: 1)
        #expect(cluster.values(key) == [expected], sourceLocation: location)
        cluster.settleAll()
        #expect(cluster.values(key) == [expected], "after settling", sourceLocation: location)
    }

    @Test("S1: SET ‖ SET, the later wins", arguments: sizes)
    func s1(size: Int) {
        var cluster = cluster(size)
        cluster.write(0, "k", .set(bytes("a"), .none))
        cluster.write(1, "k", .set(bytes("b"), .none))
        expect(cluster, "k", "'b'")
    }

    @Test("At the same instant the lower replica wins", arguments: sizes)
    func tie(size: Int) {
        var cluster = cluster(size)
        cluster.write(1, [("k", .set(bytes("b"), .none))])
        cluster.write(0, [("k", .set(bytes("a"), .none))])
        expect(cluster, "k", "'a'")
    }

    @Test("C1: increments add up", arguments: sizes)
    func c1(size: Int) {
        var cluster = cluster(size)
        cluster.write(0, "k", .increment(7))
        cluster.write(1, "k", .increment(3))
        expect(cluster, "k", "'10'")
        cluster.synchronize()
        cluster.write(0, "k", .increment(-3))
        cluster.write(1, "k", .increment(6))
        expect(cluster, "k", "'13'")
    }

    @Test("U1: SET 50 ‖ INCR is 51", arguments: sizes, [false, true])
    func u1(size: Int, settled: Bool) {
        var cluster = cluster(size) { $0.write(0, "k", .set(bytes("10"), .none)) }
        if settled { cluster.settleAll() }
        cluster.write(0, "k", .set(bytes("50"), .none))
        cluster.write(1, "k", .increment(1))
        expect(cluster, "k", "'51'")
    }

    @Test("U2: DEL ‖ DEL ‖ INCRBY 3 leaves 3, not less")
    func u2() {
        var cluster = cluster(3) { cluster in for _ in 0..<4 { cluster.write(0, "k", .increment(1)) } }
        cluster.write(1, "k", .clear)
        cluster.write(2, "k", .clear)
        cluster.write(0, "k", .increment(3))
        expect(cluster, "k", "'3'")
    }

    @Test("U3: what a SET observed does not come back", arguments: sizes)
    func u3(size: Int) {
        var cluster = cluster(size) { $0.write(0, "k", .set(bytes("1"), .none)) }
        for _ in 0..<3 { cluster.write(0, "k", .increment(1)) }
        cluster.write(0, "k", .set(bytes("2"), .none))
        cluster.write(1, "k", .set(bytes("2"), .none))
        expect(cluster, "k", "'2'")
    }

    @Test("U4: SET ‖ DEL keeps the value", arguments: sizes)
    func u4(size: Int) {
        var cluster = cluster(size) { $0.write(0, "k", .set(bytes("old"), .none)) }
        cluster.write(0, "k", .set(bytes("new"), .none))
        cluster.write(1, "k", .clear)
        expect(cluster, "k", "'new'")
    }

    @Test("U5: SET abc ‖ INCR shows abc", arguments: sizes)
    func u5(size: Int) {
        var cluster = cluster(size)
        cluster.write(0, "k", .set(bytes("abc"), .none))
        cluster.write(1, "k", .increment(1))
        expect(cluster, "k", "'abc'")
    }

    @Test("U6: the later write's type is visible, and a DEL leaves nothing of the other", arguments: sizes)
    func u6(size: Int) {
        var cluster = cluster(size)
        cluster.write(0, "k", .set(bytes("v"), .none))
        cluster.write(1, "k", .addElement(bytes("x")))
        expect(cluster, "k", "{x}")
        cluster.synchronize()
        cluster.write(0, "k", .addElement(bytes("y")))
        cluster.synchronize()
        cluster.write(0, "k", .removeElement(bytes("y")))
        expect(cluster, "k", "{x}")
        cluster.synchronize()
        cluster.write(1, "k", .clear)
        expect(cluster, "k", "nil")

        cluster.write(0, "l", .addElement(bytes("x")))
        cluster.write(1, "l", .set(bytes("v"), .none))
        expect(cluster, "l", "'v'")
    }

    @Test("U8: APPEND ‖ APPEND keeps both in time order", arguments: sizes, [false, true])
    func u8(size: Int, settled: Bool) {
        var cluster = cluster(size) { $0.write(0, "k", .set(bytes("log:"), .none)) }
        if settled { cluster.settleAll() }
        cluster.write(1, "k", .patch(.append(bytes("b"))))
        cluster.write(0, "k", .patch(.append(bytes("a"))))
        expect(cluster, "k", "'log:ba'")
    }

    @Test("SETBIT ‖ SETBIT keeps both bits, on a key that neither had", arguments: sizes)
    func setBits(size: Int) {
        var cluster = cluster(size)
        cluster.write(0, "k", .patch(.setBit(offset: 1, bit: true)))
        cluster.write(1, "k", .patch(.setBit(offset: 7, bit: true)))
        expect(cluster, "k", "'A'")
    }

    @Test("APPEND ‖ DEL keeps what the DEL had not seen; APPEND ‖ SET shows the SET", arguments: sizes)
    func appendAgainstRemoval(size: Int) {
        var cluster = cluster(size) {
            $0.write(0, "k", .set(bytes("old"), .none))
            $0.write(0, "l", .set(bytes("old"), .none))
        }
        cluster.write(0, "k", .patch(.append(bytes("x"))))
        cluster.write(1, "k", .clear)
        expect(cluster, "k", "'x'")
        cluster.write(1, "l", .set(bytes("new"), .none))
        cluster.write(0, "l", .patch(.append(bytes("x"))))
        expect(cluster, "l", "'new'")
    }

    @Test("A patch on a settled number lands on the same number everywhere")
    func patchOnFoldedCounter() {
        var cluster = cluster(2) {
            $0.write(0, "k", .set(bytes("10"), .none))
            $0.write(1, "k", .increment(5))
        }
        for _ in 0..<4 {
            cluster.now += 1
            for node in 0..<2 { cluster.write(node, []) }
            cluster.synchronize()
        }
        // Only one node has folded the increment when it appends.
        cluster.nodes[0].settle()
        #expect(cluster.nodes[0].state("k").compact != nil)
        cluster.write(0, "k", .patch(.append(bytes("0"))))
        expect(cluster, "k", "'150'")
    }

    @Test("U9: SADD of a present element ‖ SREM keeps it", arguments: sizes)
    func u9(size: Int) {
        var cluster = cluster(size) { $0.write(0, "k", .addElement(bytes("x"))) }
        cluster.write(0, "k", .addElement(bytes("x")))
        cluster.write(1, "k", .removeElement(bytes("x")))
        expect(cluster, "k", "{x}")
    }

    @Test("U10: expired here ‖ EXPIRE 1000 before that there: the key lives", arguments: sizes)
    func u10(size: Int) {
        var cluster = cluster(size) { $0.write(0, "k", .set(bytes("v"), .at($0.now + 20))) }
        cluster.write(1, "k", .setDeadline(cluster.now + 1_000_000))
        cluster.now += 100
        #expect(cluster.nodes[0].state("k").visible(at: cluster.now) == nil)
        expect(cluster, "k", "'v'")
    }

    @Test("U11: the TTL is the winning SET's", arguments: sizes)
    func u11(size: Int) {
        var cluster = cluster(size)
        cluster.write(0, "k", .set(bytes("plain"), .none))
        let deadline = cluster.now + 10_000
        cluster.write(1, "k", .set(bytes("v"), .at(deadline)))
        cluster.write(0, "l", .set(bytes("v"), .at(deadline)))
        cluster.write(1, "l", .set(bytes("plain"), .none))
        cluster.synchronize()
        #expect(Set(cluster.views("k")) == ["'v' until \(deadline)"])
        #expect(Set(cluster.views("l")) == ["'plain' until -"])
    }

    @Test("E1: the longer EXPIRE wins, PERSIST beats both")
    func e1() {
        var cluster = cluster(3) { $0.write(0, "k", .set(bytes("v"), .none)) }
        let start = cluster.now
        cluster.write(0, "k", .setDeadline(start + 10_000))
        cluster.write(1, "k", .setDeadline(start + 50_000))
        var withPersist = cluster
        cluster.synchronize()
        #expect(Set(cluster.views("k")) == ["'v' until \(start + 50_000)"])
        withPersist.write(2, "k", .setDeadline(nil))
        withPersist.synchronize()
        #expect(Set(withPersist.views("k")) == ["'v' until -"])
    }

    @Test("An EXPIRE that outlives a DEL does not reach the next key")
    func leftoverDeadline() {
        var cluster = cluster(2) { $0.write(0, "k", .set(bytes("v"), .none)) }
        cluster.write(0, "k", .setDeadline(cluster.now + 5))
        cluster.write(1, "k", .clear)
        cluster.synchronize()
        cluster.write(1, "k", .increment(1))
        cluster.now += 100
        expect(cluster, "k", "'1'")
    }

    @Test("One frame is its net effect: INCR; SET 5; INCR is 6")
    func netEffect() {
        var cluster = cluster(2) { $0.write(1, "k", .increment(9)) }
        cluster.write(0, [("k", .increment(1)), ("k", .set(bytes("5"), .none)), ("k", .increment(1))])
        expect(cluster, "k", "'6'")
        cluster.synchronize()
        cluster.write(0, [("k", .clear), ("k", .increment(2))])
        expect(cluster, "k", "'2'")
        cluster.write(0, [("n", .increment(1)), ("n", .clear), ("n", .addElement([1])), ("n", .removeElement([1]))])
        #expect(cluster.frames[0].last?.records.isEmpty == true)
    }

    @Test("INCRBYFLOAT prints as Redis step by step, and concurrent ones add up", arguments: sizes)
    func floats(size: Int) {
        var cluster = cluster(size) { $0.write(0, "k", .set(bytes("10.50"), .none)) }
        cluster.write(0, "k", .incrementFloat(0.1))
        cluster.write(1, "k", .incrementFloat(5))
        cluster.write(1, "k", .increment(1))
        expect(cluster, "k", "'16.6'")
    }

    @Test("Increments that together leave Int64 are not lost", arguments: sizes)
    func overflow(size: Int) {
        var cluster = cluster(size)
        cluster.write(0, "k", .increment(.max))
        cluster.write(1, "k", .increment(.max))
        expect(cluster, "k", "'18446744073709551614'")
        cluster.synchronize()
        #expect(cluster.nodes[0].state("k").cell.overflowed)
    }
}
