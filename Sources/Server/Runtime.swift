import Base
import Commands
import Core
import Engine
import OS
import Replication

public enum Runtime {
    public static func run(port: UInt16) throws(SystemError) {
        let pages = HugePages()
        let source = PageSource(allocate: { pages.allocate($0) }, release: { pages.release($0, $1) })
        let replica = Replica(node: 1, generation: 0)
        let locks = PartitionLocks(replica: replica, databases: 16, hashSeed: Entropy.seed, pages: source)
        let windowBytes = 64 << 20
        let window = Window(capacity: windowBytes, memory: pages.allocateZeroed(windowBytes))
        let statistics = [LoopStatistics(rowCount: CommandTable.shared.rowCount)]
        let node = Node(
            replica: replica, databaseCount: 16, partitions: locks.array, window: window, statistics: statistics)
        let listener = try Socket.listen(address: "127.0.0.1", port: port)
        let loop = try EventLoop(index: 0, node: node, locks: locks, listener: listener.number)
        loop.run()
    }
}
