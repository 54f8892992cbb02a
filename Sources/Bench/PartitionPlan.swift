/// `--partition 1/2@10s..20s`: which nodes do not hear each other, and from when to when.

public struct PartitionPlan: Sendable, Equatable {
    /// Node ids on either side.
    let left: [Int]
    let right: [Int]
    let fromSeconds: Double
    let toSeconds: Double

    static let spelling = "IDS/IDS@FROM..TO with node ids, as in 1/2@10s..20s or 1,2/3@5s..8s"

    public init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let dots = parts[1].firstRange(of: ".."),
            let from = Quantity.seconds(String(parts[1][..<dots.lowerBound])),
            let to = Quantity.seconds(String(parts[1][dots.upperBound...])), from < to
        else { return nil }
        let sides = parts[0].split(separator: "/", omittingEmptySubsequences: false).map { side in
            side.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        }
        guard sides.count == 2 else { return nil }
        let (left, right) = (sides[0].compactMap { $0 }, sides[1].compactMap { $0 })
        guard left.count == sides[0].count, right.count == sides[1].count, !left.isEmpty, !right.isEmpty,
            Set(left).isDisjoint(with: right)
        else { return nil }
        self.left = left
        self.right = right
        fromSeconds = from
        toSeconds = to
    }
}
