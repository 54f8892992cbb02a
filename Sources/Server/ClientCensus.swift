/// What a loop's clients hold in buffers: counted a tenth of them at a tick, so that ten thousand clients cost what a
/// thousand do.
import Base
import Commands
import RESP
import Synchronization

struct ClientCensus {
    private var nextSlot = 0
    private var bytes = 0
    private var inputBytesMax = 0
    private var outputBytesMax = 0
    /// Of the round before: what was large a moment ago is still told.
    private var lastInputBytesMax = 0
    private var lastOutputBytesMax = 0

    private static let ticksPerRound = 10

    /// Counts the next of the connections; at the end of a round tells the counters.
    mutating func step(_ connections: borrowing ConnectionTable, _ counters: LoopCounters) {
        let end = min(nextSlot + connections.slots.count / Self.ticksPerRound + 1, connections.slots.count)
        while nextSlot < end {
            if let connection = connections[nextSlot] {
                bytes += connection.pointee.memoryBytes
                inputBytesMax = max(inputBytesMax, connection.pointee.query.capacity)
                outputBytesMax = max(outputBytesMax, connection.reply.pointee.outputBytes)
            }
            nextSlot += 1
        }
        guard nextSlot >= connections.slots.count else { return }
        counters.clientBytes.store(bytes, ordering: .relaxed)
        counters.inputBufferBytesMax.store(max(inputBytesMax, lastInputBytesMax), ordering: .relaxed)
        counters.outputBufferBytesMax.store(max(outputBytesMax, lastOutputBytesMax), ordering: .relaxed)
        (lastInputBytesMax, lastOutputBytesMax) = (inputBytesMax, outputBytesMax)
        (nextSlot, bytes, inputBytesMax, outputBytesMax) = (0, 0, 0, 0)
    }

    /// A client does not take its replies: between two rounds they may come and go.
    mutating func noteOutput(bytes: Int) { outputBytesMax = max(outputBytesMax, bytes) }
}
