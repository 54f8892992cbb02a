/// Keys that came back: gone here without a trace, and made anew by a write older than the one that removed them. And
/// keys that a state left as they are, though its sender may have removed of them what never came here.
///
/// Such a key shows the older stamp alone. Somebody who has applied that write, but not the remove, would be told that
/// the key is as he knows it, and keep what was removed. So their stamps are remembered, as a range, for as long as a
/// member may lack the remove, and what is in it goes out under the stamp of the remove. The range is of two spans, of
/// which the older is dropped once everybody has all removes it speaks of.
import Base
import CRDT

struct Returns {
    private struct Span {
        var first = Stamp.distantFuture
        /// The latest remove before the latest of its returns.
        var removal = Stamp.zero
    }

    /// Not before any remove that left nothing of its key.
    private(set) var latestRemoval = Stamp.zero
    private var former = Span()
    private var present = Span()

    /// The stamp that goes for all of them.
    var raised: Stamp { max(former.removal, present.removal) }

    /// The write under way has left nothing of a key.
    var hasRemoval = false

    /// It has taken what was left of one whose last record has this stamp: an earlier remove, which left something, may
    /// be the later of the two.
    @inline(__always)
    mutating func noteVanishing(_ modified: Stamp) {
        latestRemoval = max(latestRemoval, modified)
        hasRemoval = true
    }

    /// That write is done.
    @inline(__always)
    mutating func noteWrite(_ stamp: Stamp) {
        if hasRemoval { noteRemoval(stamp) }
    }

    @inline(never)
    mutating func noteRemoval(_ stamp: Stamp) {
        latestRemoval = max(latestRemoval, stamp)
        hasRemoval = false
    }

    /// A key that was not there.
    @inline(__always)
    mutating func noteInsert(_ stamp: Stamp) {
        if stamp < latestRemoval { noteReturn(stamp) }
    }

    @inline(never)
    private mutating func noteReturn(_ stamp: Stamp) {
        present.first = min(present.first, stamp)
        present.removal = latestRemoval
    }

    /// Keys from this stamp on have been here, and the latest remove may have taken of them what never came here.
    mutating func noteKept(from stamp: Stamp) { noteInsert(stamp) }

    /// Whether a key with this stamp may be one of them.
    @inline(__always)
    func mayContain(_ stamp: Stamp) -> Bool { stamp >= min(former.first, present.first) && stamp < raised }

    /// Every member has applied everything up to `cut`.
    mutating func settle(_ cut: Stamp) {
        guard cut >= former.removal else { return }
        former = present
        present = Span()
    }
}
