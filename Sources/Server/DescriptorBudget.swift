/// How many clients the system's limit of open files allows.
import OS

struct DescriptorBudget {
    /// What the process opens besides clients: as Redis counts it, and two for each loop.
    let reserved: Int

    init(loopCount: Int) { reserved = 32 + 2 * loopCount }

    /// Raises the limit as far as `clients` need and the system allows; returns how many of them fit and the limit.
    func fit(_ clients: Int) -> (clients: Int, limit: Int) {
        let answer = ProcessFacts.raiseDescriptorLimit(to: clients + reserved)
        // Not to be known: the limit that is usual.
        let limit = answer < 0 ? 1024 : answer
        return (min(clients, limit - reserved), limit)
    }
}
