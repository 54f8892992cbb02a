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
    private var tellsAll = true
    /// The next frame of this replica has something to tell.
    private(set) var hasNews = true

    mutating func noteNews() { hasNews = true }

    /// The next frame cannot count on its predecessor's being known.
    mutating func startOver() {
        tellsAll = true
        hasNews = true
    }

    mutating func take(_ versions: Versions, author: Replica) -> (stamps: [Stamp], isAll: Bool) {
        let isAll = tellsAll
        let stamps = versions.stamps.filter { $0.replica != author && (isAll || $0 > told[$0.replica]) }
        told = versions
        tellsAll = false
        hasNews = false
        return (stamps, isAll)
    }

    /// All dependencies of a frame that follows the last one of its origin here; nil where that is not known.
    func whole(_ stamps: [Stamp], isAll: Bool, of replica: Replica) -> Versions? {
        if isAll { return Versions(stamps) }
        guard var versions = origins.first(where: { $0.replica == replica })?.versions else { return nil }
        for stamp in stamps { versions.advance(to: stamp) }
        return versions
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

    /// What the frame being drafted tells of its dependencies, and whether that is all of them.
    public mutating func takeDependencies() -> (stamps: [Stamp], isAll: Bool) {
        dependencyChain.take(receiver.versions, author: replica)
    }

    /// The frame being drafted goes out without its records: whoever repairs what they did must not need it.
    public mutating func startDependenciesOver() { dependencyChain.startOver() }

    /// The context of an arriving frame; nil where the frame it builds on never came here.
    public func context(
        stamp: Stamp, prev: Stamp, cut: Stamp, dependencies stamps: [Stamp], hasAllDependencies: Bool
    ) -> FrameContext? {
        guard let whole = dependencyChain.whole(stamps, isAll: hasAllDependencies, of: stamp.replica) else {
            return nil
        }
        return FrameContext(stamp: stamp, dependencies: whole, prev: prev, cut: cut)
    }
}
