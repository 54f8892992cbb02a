/// Reading back what `StateJSON` wrote. The bytes made are read once more by those who read states, so nothing comes
/// out of here that a node would refuse.
import Base
import CRDT
import Engine

/// Objects of one partition, put together.
final class StateFromJSON {
    let partition: Int
    /// Lengths of the pieces the state was written in.
    private let givenPieces: [Int]
    /// One of everything, where none are given: after a change by hand.
    var pieces: [Int] { givenPieces.isEmpty ? [bytes.count] : givenPieces }
    var bytes = ByteBuffer(capacity: 64 * 1024)
    private var isInSlice = false

    /// From an object of kind `partition`.
    init(_ object: JSONObject) throws(ToolFailure) {
        partition = try object.integer("partition")
        givenPieces = try object.integers("pieces")
        guard 0..<Slots.partitionCount ~= partition else { throw object.wrong("partition", "between 0 and 255") }
        var head = StateHead()
        guard let salt = UInt64(try object.text("salt"), radix: 16) else { throw object.wrong("salt", "hexadecimal") }
        head.salt = salt
        head.context.versions = try object.versions("versions")
        head.context.fences = try object.versions("fences")
        head.cut = try object.stamp("cut")
        head.context.settleCut = try object.stamp("settle-cut")
        for chain in try object.objects("chains") {
            head.chains.append((replica: try chain.replica("replica"), versions: try chain.versions("versions")))
        }
        for key in try object.objects("deferred") {
            let name = DatabaseKey(database: try key.database(), key: try key.bytes("key"))
            for dot in try key.objects("dots") {
                head.context.deferred.insert(
                    Deferred.Dot(
                        stamp: try dot.stamp("stamp"), element: dot.has("element") ? try dot.bytes("element") : nil),
                    of: name)
            }
        }
        for key in try object.objects("clears") {
            let name = DatabaseKey(database: try key.database(), key: try key.bytes("key"))
            for clear in try key.objects("clears") { head.context.pendingClears.insert(try clear.clear(), of: name) }
        }
        for flush in try object.objects("flushes") {
            head.context.pendingClears.insert(try flush.clear(), ofDatabase: try flush.database())
        }
        head.encode(to: &bytes)
    }

    /// The next object of the partition. Returns whether it was its last.
    func add(_ object: JSONObject) throws(ToolFailure) -> Bool {
        let kind = try object.text("kind")
        switch kind {
        case "slice" where !isInSlice:
            isInSlice = true
            StateExport.beginSlice(
                versions: try object.versions("versions"), fences: try object.versions("fences"),
                settleCut: try object.stamp("settle-cut"), into: &bytes)
        case "end-slice" where isInSlice:
            isInSlice = false
            StateExport.endSlice(into: &bytes)
        case "key" where isInSlice: try addPlain(object)
        case "state" where isInSlice: try addGeneral(object)
        case "name" where isInSlice:
            guard let hash = UInt64(try object.text("hash"), radix: 16) else {
                throw object.wrong("hash", "hexadecimal")
            }
            StateEntry.name(hash).encode(to: &bytes)
        case "end-partition" where !isInSlice:
            StateExport.endState(into: &bytes)
            return true
        default: throw .corrupt("\(object.place): an object of kind '\(kind)' does not belong here")
        }
        return false
    }

    /// To be called at the end: a node will read these bytes.
    func check() throws(ToolFailure) {
        var sum = 0
        for piece in pieces {
            guard piece >= 0, piece <= bytes.count - sum else { throw .corrupt("partition \(partition): wrong pieces") }
            sum += piece
        }
        guard sum == bytes.count else {
            throw .corrupt(
                "partition \(partition): its pieces add up to \(sum) bytes, its state to \(bytes.count): where keys were "
                    + "changed, \"pieces\" must be left out")
        }
        do {
            var reader = try StateReader(bytes.view)
            while try reader.next() != nil {}
        } catch { throw .state(error, partition: partition) }
    }

    /// A key has its place, and is found nowhere else.
    private func name(_ object: JSONObject) throws(ToolFailure) -> [UInt8] {
        let name = try object.bytes("key")
        let home = name.withView { Slots.partition(of: $0) }
        guard home == partition else {
            throw .corrupt("\(object.place): this key belongs into partition \(home), not \(partition)")
        }
        return name
    }

    private func addPlain(_ object: JSONObject) throws(ToolFailure) {
        var plain = PlainEntry()
        plain.database = try object.database()
        plain.stamp = try object.stamp("stamp")
        plain.deadline = try object.optionalInteger("expires-ms").map { Int64($0) }
        plain.isRaw = try object.flag("raw")
        if object.has("number") {
            guard let number = Int64(try object.text("number")) else { throw object.wrong("number", "a whole number") }
            plain.integer = number
        }
        let value = plain.integer == nil ? try object.bytes("value") : []
        let key = try name(object)
        key.withView { key in
            value.withView { value in
                plain.key = key
                plain.value = value
                StateEntry.plain(plain).encode(to: &bytes)
            }
        }
    }

    private func addGeneral(_ object: JSONObject) throws(ToolFailure) {
        let database = try object.database()
        let state = try object.keyState()
        let key = try name(object)
        var check = ByteBuffer()
        state.encode(to: &check)
        var reader = ByteReader(check.view)
        guard KeyState.decode(&reader) == state, reader.isAtEnd else {
            throw .corrupt("\(object.place): these parts do not make a key")
        }
        key.withView { StateEntry.general(database: database, key: $0, state).encode(to: &bytes) }
    }
}

extension JSONObject {
    fileprivate func database() throws(ToolFailure) -> Int {
        let database = try integer("db")
        guard 0..<Limits.databasesMax ~= database else { throw wrong("db", "between 0 and 15") }
        return database
    }

    fileprivate func clear() throws(ToolFailure) -> PendingClears.Clear {
        guard let slots = UInt8(exactly: try integer("slots")) else { throw wrong("slots", "a small number") }
        return PendingClears.Clear(
            context: FrameContext(
                stamp: try stamp("stamp"), dependencies: try versions("versions"), prev: try stamp("prev"),
                cut: try stamp("cut")), slots: Slots(rawValue: slots))
    }

    fileprivate func keyState() throws(ToolFailure) -> KeyState {
        var members = AddWinsSet()
        if has("members") {
            let object = try object("members")
            var elements: [AddWinsSet.Element] = []
            for element in try object.objects("elements") {
                var dots: [Stamp] = []
                for text in try element.texts("dots") {
                    guard let dot = StampText.stamp(text) else { throw element.wrong("dots", "a list of stamps") }
                    dots.append(dot)
                }
                elements.append(
                    AddWinsSet.Element(
                        bytes: try element.bytes("element"), dots: dots, isSettled: try element.flag("settled")))
            }
            members = AddWinsSet(elements: elements, settledStamp: try object.stamp("settled-stamp"))
        }
        var deadlines: [DeadlineRegister.Entry] = []
        for entry in try objects("deadlines") {
            deadlines.append(
                DeadlineRegister.Entry(
                    dot: try entry.stamp("stamp"), deadline: Int64(try entry.integer("expires-ms"))))
        }
        return KeyState(
            modified: try stamp("modified"), cell: has("cell") ? try object("cell").cell() : Cell(), members: members,
            deadline: DeadlineRegister(entries: deadlines))
    }

    private func cell() throws(ToolFailure) -> Cell {
        var bases: [CellBase] = []
        for base in try objects("bases") {
            var made = CellBase(
                dot: try base.stamp("stamp"), value: try base.bytes("value"),
                deadline: try base.optionalInteger("expires-ms").map { Int64($0) },
                isSettled: try base.flag("settled"))
            made.rank = try base.stamp("rank")
            bases.append(made)
        }
        var patches: [Patch] = []
        for patch in try objects("patches") {
            var operations: [PatchOperation] = []
            for operation in try patch.objects("operations") { operations.append(try operation.operation()) }
            patches.append(
                Patch(stamp: try patch.stamp("stamp"), target: try patch.stamp("target"), operations: operations))
        }
        var runs: [Run] = []
        for run in try objects("increments") {
            runs.append(Run(start: try run.stamp("first"), last: try run.stamp("last"), sum: try run.amount("sum")))
        }
        var resets: [Reset] = []
        for reset in try objects("resets") {
            resets.append(Reset(dot: try reset.stamp("stamp"), sum: try reset.amount("sum")))
        }
        return Cell(
            bases: bases, patches: patches, runs: runs, resets: resets,
            settledSum: has("settled-sum") ? try amount("settled-sum") : nil)
    }

    private func operation() throws(ToolFailure) -> PatchOperation {
        if has("append") { return .append(try bytes("append")) }
        let operation: PatchOperation =
            has("bit")
            ? .setBit(offset: try integer("bit"), bit: try flag("to"))
            : .overwrite(offset: try integer("offset"), bytes: try bytes("bytes"))
        guard operation.isWithinLimits else { throw wrong("operations", "within a value") }
        return operation
    }
}
