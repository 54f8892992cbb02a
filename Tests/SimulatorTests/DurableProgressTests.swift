/// What is known to be on the disk, where readings come faster than syncs.
import Testing

@testable import Core

struct DurableProgressTests {
    @Test("However many readings wait, each sync tells nearly all that it covers") func manyReadings() {
        var progress = DurableProgress<UInt64>(0)
        var position: UInt64 = 0
        for sync in 1...5 {
            for _ in 0..<10_000 {
                position += 1
                progress.note(position, at: position)
            }
            let durable = UInt64(sync) * 10_000 - 100
            progress.advance(to: durable)
            #expect(progress.latest <= durable, "more than is on the disk")
            #expect(progress.latest > durable - 500, "\(durable - progress.latest) less than is on the disk")
        }
        progress.advance(to: position)
        #expect(progress.latest == position)
    }
}
