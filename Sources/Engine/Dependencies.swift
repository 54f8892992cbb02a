/// What a frame says of its author's versions, and how a receiver puts them together again.
///
/// A frame carries only the entries that changed since its origin's previous frame in the partition, all of
/// them where there is none to build on. Frames of one origin apply in order, so the receiver always has what
/// the next one builds on. Where nothing arrived between two own frames, there is nothing to say.
import Base
import CRDT

struct Dependencies {
    struct Origin {
        let replica: Replica
        var versions: Versions
    }

    /// Of each origin, what its last frame applied here depends on.
    private(set) var origins: [Origin] = []
    /// As this replica's last frame told them.
    private(set) var told = Versions()
    private(set) var tellsAll = true
    /// The next frame of this replica has something to tell.
    private(set) var hasNews = true

    mutating func noteNews() { hasNews = true }

    /// The next frame cannot count on its predecessor's being known.
    mutating func startOver() {
        tellsAll = true
        hasNews = true
    }

    /// This replica's next frame, which its log has, builds on what the last one told.
    mutating func resume(told versions: Versions) {
        told = versions
        tellsAll = false
        hasNews = true
    }

    /// All dependencies of a frame of this replica's own log.
    @inline(__always)
    mutating func retell(_ stamps: borrowing FewStamps, isAll: Bool) -> Versions {
        if isAll { told = Versions() }
        for place in 0..<stamps.count { told.advance(to: stamps[place]) }
        return told
    }

    @inline(__always)
    mutating func take(_ versions: borrowing Versions, author: Replica) -> FewStamps {
        var stamps = FewStamps()
        for stamp in versions.stamps where stamp.replica != author && (tellsAll || stamp > told[stamp.replica]) {
            stamps.append(stamp)
            told.advance(to: stamp)
        }
        tellsAll = false
        hasNews = false
        return stamps
    }

    /// Of a frame's origin, what the frame before it depended on; nil where that is not known.
    @inline(__always)
    func last(of replica: Replica) -> Int? { origins.firstIndex { $0.replica == replica } }

    /// All dependencies of a frame that follows the last one of its origin here, which has `index`, and will be
    /// applied.
    @inline(__always)
    mutating func whole(_ stamps: borrowing FewStamps, isAll: Bool, at index: Int) -> Versions {
        if isAll { origins[index].versions = Versions() }
        for place in 0..<stamps.count { origins[index].versions.advance(to: stamps[place]) }
        return origins[index].versions
    }

    mutating func remember(_ versions: Versions, of replica: Replica) {
        if let index = origins.firstIndex(where: { $0.replica == replica }) {
            origins[index].versions = versions
        } else {
            origins.append(Origin(replica: replica, versions: versions))
        }
    }

    /// The next frame of the origin cannot build on what is known here.
    mutating func forget(_ replica: Replica) { origins.removeAll { $0.replica == replica } }
}

extension Partition {
    /// Whether the frame being drafted has dependencies to tell: never twice in a row without a peer's frame
    /// between, so never on a node without peers but for its first.
    @inline(__always)
    public var hasDependenciesToTell: Bool { dependencyChain.hasNews }

    /// Whether those to tell are all of them, not only what changed.
    public var tellsAllDependencies: Bool { dependencyChain.tellsAll }

    /// What the frame being drafted tells of its dependencies.
    @inline(__always)
    public mutating func takeDependencies() -> FewStamps { dependencyChain.take(receiver.versions, author: replica) }

    /// The frame being drafted goes out without its records: whoever repairs what they did must not need it.
    public mutating func startDependenciesOver() { dependencyChain.startOver() }

    /// Takes in a frame as it arrives, its dependencies told as a difference from those of the one before it.
    @inline(__always)
    public mutating func receive(
        stamp: Stamp, prev: Stamp, cut: Stamp, dependencies: borrowing FewStamps, hasAllDependencies: Bool,
        isElided: Bool, records: ByteView, _ context: inout ExecutionContext
    ) -> MergeOutcome {
        let latest = latestStamp(of: stamp.replica)
        if stamp <= latest { return .duplicate }
        guard !isElided, prev == latest else { return prev >= latest ? .gap(after: latest) : .fork }
        guard let index = dependencyChain.last(of: stamp.replica) else {
            guard hasAllDependencies else { return .gap(after: latest) }
            let whole = Versions(dependencies.array)
            return merge(
                FrameContext(stamp: stamp, dependencies: whole, prev: prev, cut: cut), records: records, &context)
        }
        // Nothing may show of a frame that is held.
        guard holdsEverything(upTo: cut, dependencies, isAll: hasAllDependencies, at: index) else {
            return .waitsForCut
        }
        let whole = dependencyChain.whole(dependencies, isAll: hasAllDependencies, at: index)
        return mergeNext(FrameContext(stamp: stamp, dependencies: whole, prev: prev, cut: cut), records, &context)
    }

    @inline(__always)
    private func holdsEverything(
        upTo cut: Stamp, _ dependencies: borrowing FewStamps, isAll: Bool, at index: Int
    ) -> Bool {
        if receiver.faults.contains(.ignoresCut) { return true }
        for place in 0..<dependencies.count where !holds(dependencies[place], upTo: cut) { return false }
        return isAll || holdsEverything(upTo: cut, of: dependencyChain.origins[index].versions)
    }
}
