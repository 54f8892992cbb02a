/// How many clients the system's limit of open files allows.
import OS

struct DescriptorBudget {
    /// What the process opens besides clients: as Redis counts it, and two for each loop.
    let reserved: Int
    /// Asked for besides, and clients are not to have it: links of peers, and files of the log and of snapshots. Without
    /// one for its next file the log cannot go on.
    private static let spare = 1024 + 64

    init(loopCount: Int) { reserved = 32 + 2 * loopCount }

    /// Raises the limit as far as `clients` need and the system allows; returns how many of them fit and the limit.
    func fit(_ clients: Int) -> (clients: Int, limit: Int) {
        let answer = ProcessFacts.raiseDescriptorLimit(to: clients + reserved + Self.spare)
        // Not to be known: the limit that is usual.
        let limit = answer < 0 ? 1024 : answer
        return (min(clients, limit - reserved), limit)
    }
}
