/// One call of one command: its arguments, who calls, where the reply goes, what it may touch.
///
/// Lives on the stack of the executor and is passed `inout`; everything behind its pointers outlives it. The
/// partitions of the command's keys are lent to it while the handler runs, and no others.
import Base
import Engine
import RESP

public struct Invocation: ~Copyable {
    public let arguments: Arguments
    public let command: Command.Reference
    public let replyPointer: UnsafeMutablePointer<ReplyWriter>
    public let sessionPointer: UnsafeMutablePointer<Session>
    public let context: UnsafeMutablePointer<ExecutionContext>
    public let partitions: PartitionArray
    /// The process around the command: configuration, statistics, logs.
    public unowned(unsafe) let node: Node
    /// What remains to be done when the handler has returned.
    public var effect = Effect.none
    /// Part of a MULTI: nothing may wait, and what follows the reply is decided after EXEC.
    public var isInTransaction = false
    /// The hash of the first key where the executor has worked it out already.
    @usableFromInline let firstKeyHash: UInt64
    @usableFromInline let firstKeyPartition: Int

    @inline(__always)
    public init(
        arguments: Arguments, command: Command.Reference, reply: UnsafeMutablePointer<ReplyWriter>,
        session: UnsafeMutablePointer<Session>, context: UnsafeMutablePointer<ExecutionContext>,
        partitions: PartitionArray, node: Node, firstKeyHash: UInt64 = 0, firstKeyPartition: Int = -1
    ) {
        self.arguments = arguments
        self.command = command
        replyPointer = reply
        sessionPointer = session
        self.context = context
        self.partitions = partitions
        self.node = node
        self.firstKeyHash = firstKeyHash
        self.firstKeyPartition = firstKeyPartition
    }

    @inline(__always)
    public var reply: ReplyWriter {
        _read { yield replyPointer.pointee }
        nonmutating _modify {
            // In two steps: for ThreadSanitizer the compiler gets the address wrong otherwise.
            let place = replyPointer
            yield &place.pointee
        }
    }

    @inline(__always)
    public var session: Session {
        _read { yield sessionPointer.pointee }
        nonmutating _modify {
            let place = sessionPointer
            yield &place.pointee
        }
    }

    @inline(__always)
    public var nowMilliseconds: Int64 { context.pointee.nowMilliseconds }

    /// The grip on the key at an argument index, in the session's database.
    @inline(__always)
    public func key(_ index: Int) -> KeyHandle {
        if index == command.pointee.firstKey, firstKeyPartition >= 0 {
            return KeyHandle(
                partition: partitions[firstKeyPartition], context: context, database: session.database,
                hash: firstKeyHash, name: arguments[index])
        }
        return key(named: arguments[index])
    }

    public func key(named name: ByteView) -> KeyHandle {
        let partition = partitions[Slots.partition(of: name)]
        return KeyHandle(
            partition: partition, context: context, database: session.database,
            hash: partition.pointee.hash(of: name), name: name)
    }

    /// The command's name in lower case, with its parent's: `client|kill` is "client|kill".
    public var commandName: String { command.pointee.fullName }
}

extension Command {
    public typealias Reference = UnsafePointer<Command>

    /// In lower case, as error texts and statistics spell it.
    public var fullName: String {
        let own = name.description.lowercased()
        guard let parent else { return own }
        return "\(parent.description.lowercased())|\(own)"
    }
}
