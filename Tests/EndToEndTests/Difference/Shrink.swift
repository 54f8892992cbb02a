/// A failing sequence made short: steps are dropped while the mismatch persists.
import TestSupport

struct Shrinker {
    let run: DifferenceRun
    let deadline: Deadline

    /// The fewest steps found that still end in a mismatch of the same command.
    func shrink(_ steps: [Step], _ mismatch: Mismatch) throws -> (steps: [Step], mismatch: Mismatch)? {
        var best = units(Array(steps.prefix(mismatch.index + 1)))
        guard var found = try replay(best, like: mismatch) else { return nil }
        // Most sequences need only what touched the same keys.
        let keys = Set(mismatch.step.keys)
        let related = best.enumerated().filter { index, unit in
            index == best.count - 1 || unit.contains { !keys.isDisjoint(with: $0.keys) || isContext($0) }
        }.map(\.element)
        if let still = try replay(related, like: mismatch) { (best, found) = (Array(related), still) }
        var size = max(1, best.count / 2)
        while !deadline.hasPassed {
            var dropped = false
            var start = 0
            // The last unit is the one that fails.
            while start < best.count - 1, !deadline.hasPassed {
                let end = min(start + size, best.count - 1)
                let candidate = Array(best[..<start] + best[end...])
                if let still = try replay(candidate, like: mismatch) {
                    (best, found) = (candidate, still)
                    dropped = true
                } else {
                    start = end
                }
            }
            if size > 1 { size = max(1, size / 2) } else if !dropped { break }
        }
        return (best.flatMap { $0 }, found)
    }

    private func isContext(_ step: Step) -> Bool {
        ["SELECT", "MULTI", "EXEC", "WATCH", "DISCARD"].contains(step.name)
    }

    private func units(_ steps: [Step]) -> [[Step]] {
        var units: [[Step]] = []
        for step in steps {
            if step.isTiedToPrevious, !units.isEmpty {
                units[units.count - 1].append(step)
            } else {
                units.append([step])
            }
        }
        return units
    }

    private func replay(_ units: [[Step]], like mismatch: Mismatch) throws -> Mismatch? {
        try run.reset()
        guard let found = try run.play(units.flatMap { $0 }), found.step.name == mismatch.step.name else { return nil }
        return found
    }
}
