/// Changing a part of a string: APPEND, SETRANGE, SETBIT, BITFIELD.
///
/// On a plain string each is a patch, so that two regions changing disjoint parts keep both changes. On a
/// value that is a number with live increments the sum becomes a new value first.
import Base
import CIntrinsics
import CRDT

extension KeyHandle {
    /// APPEND. Returns the new length; the caller has checked the limit.
    public func append(_ suffix: ByteView) -> Int {
        guard let position = liveEntry() else {
            if !shortWay(nil), !suffix.isEmpty { return generalPatch(.append(suffix.array)) }
            set(.bytes(suffix))
            return suffix.count
        }
        let length = lengthOfValue(position.entry)
        if suffix.isEmpty {
            // Nothing changes, but Redis counts it as a write, and has taken the value out of its compact encoding.
            noteWrite()
            takeOutOfCompactEncoding(position, length)
            return length
        }
        guard shortWay(position) else { return generalPatch(.append(suffix.array)) }
        noteWrite()
        recordPatch(.append, on: .settled(position.entry.stamp), offset: length, suffix)
        let value = extend(position, to: length + suffix.count)
        a2_memory_copy(value + length, suffix.start, suffix.count)
        return length + suffix.count
    }

    private func takeOutOfCompactEncoding(_ position: SlotPosition, _ length: Int) {
        if position.entry.kind == .bytes { position.entry.isRaw = true }
        guard position.entry.kind == .integer else { return }
        let old = position.entry
        var digits = ByteBuffer(capacity: 24)
        digits.append(decimal: old.integer)
        let entry = shape(
            position, kind: .bytes, valueLength: length, deadline: old.hasDeadline ? old.deadlineMilliseconds : nil,
            stamp: old.stamp)
        a2_memory_copy(entry.valueAddress, digits.view.start, length)
        entry.isRaw = true
    }

    /// SETRANGE: overwrites from `offset`, zeroes in between. Returns the new length.
    public func overwrite(at offset: Int, _ bytes: ByteView) -> Int {
        guard let position = liveEntry() else {
            if !shortWay(nil) { return generalPatch(.overwrite(offset: offset, bytes: bytes.array)) }
            let block = zeroed(offset + bytes.count)
            a2_memory_copy(block.bytes + offset, bytes.start, bytes.count)
            return setRaw(block)
        }
        guard shortWay(position) else {
            return generalPatch(.overwrite(offset: offset, bytes: bytes.array))
        }
        recordPatch(.overwrite, on: .settled(position.entry.stamp), offset: offset, bytes)
        return put(bytes, at: offset, position)
    }

    private func put(_ bytes: ByteView, at offset: Int, _ position: SlotPosition) -> Int {
        noteWrite()
        let length = max(lengthOfValue(position.entry), offset + bytes.count)
        let value = extend(position, to: length)
        a2_memory_copy(value + offset, bytes.start, bytes.count)
        return length
    }

    /// SETBIT. The caller has read the old bit.
    public func setBit(at offset: Int, to bit: Bool) {
        let byteOffset = offset >> 3
        let mask = UInt8(0x80) >> UInt8(offset & 7)
        guard let position = liveEntry() else {
            if !shortWay(nil) {
                _ = generalPatch(.setBit(offset: offset, bit: bit))
                return
            }
            let block = zeroed(byteOffset + 1)
            if bit { block.bytes[byteOffset] |= mask }
            setRaw(block)
            return
        }
        guard shortWay(position) else {
            _ = generalPatch(.setBit(offset: offset, bit: bit))
            return
        }
        // Written even where it changes nothing, but then no client that watches need know.
        if changesBit(position.entry, byteOffset, mask, bit) { noteWrite() }
        RecordCodec.appendPatch(
            database: database, key: name, target: .settled(position.entry.stamp), setBitAt: offset, to: bit,
            out: &context.pointee.records)
        let value = extend(position, to: max(lengthOfValue(position.entry), byteOffset + 1))
        value[byteOffset] = bit ? value[byteOffset] | mask : value[byteOffset] & ~mask
    }

    /// What changes made by `overwrite(at:_:in:)` are recorded on; nil where they must go the general way.
    public func beginOverwrites() -> Overwrites? {
        guard let position = liveEntry(), shortWay(position) else { return nil }
        return Overwrites(target: .settled(position.entry.stamp))
    }

    /// As `overwrite`, one of several changes that `record` makes known together: a key has one record in a
    /// frame. False, and nothing done, where there are none begun.
    public func overwrite(at offset: Int, _ bytes: ByteView, in overwrites: inout Overwrites?) -> Bool {
        guard overwrites != nil, let position = liveEntry() else { return false }
        overwrites?.operations.append(.overwrite(offset: offset, bytes: bytes.array))
        _ = put(bytes, at: offset, position)
        return true
    }

    public func record(_ overwrites: Overwrites) {
        guard !overwrites.operations.isEmpty else { return }
        var delta = Delta()
        delta.patches = Delta.NewPatches(target: overwrites.target, operations: overwrites.operations)
        RecordCodec.append(delta, database: database, key: name, to: &context.pointee.records)
    }

    private func changesBit(_ entry: Entry, _ byteOffset: Int, _ mask: UInt8, _ bit: Bool) -> Bool {
        let value: ByteView
        var digits = ByteBuffer()
        switch entry.kind {
        case .bytes: value = entry.inlineBytes
        case .shared: value = entry.block.view
        case .integer:
            digits.append(decimal: entry.integer)
            value = digits.view
        case .general, .counter: return true
        }
        return byteOffset >= value.count || (value[byteOffset] & mask != 0) != bit
    }

    private enum PatchKind { case append, overwrite }

    private func recordPatch(_ kind: PatchKind, on target: PatchTarget, offset: Int, _ bytes: ByteView) {
        if bytes.count > Limits.windowFrameBytesMax {
            context.pointee.hasElidedRecord = true
            if !context.pointee.keepsLargeRecords { return }
        }
        switch kind {
        case .append:
            RecordCodec.appendPatch(
                database: database, key: name, target: target, append: bytes, to: &context.pointee.records)
        case .overwrite:
            RecordCodec.appendPatch(
                database: database, key: name, target: target, overwriteAt: offset, with: bytes,
                to: &context.pointee.records)
        }
    }

    private func zeroed(_ count: Int) -> SharedBlock {
        let block = SharedBlock.allocate(capacity: count)
        a2_memory_zero(block.bytes, count)
        block.count = count
        return block
    }

    /// SET of a value put together byte by byte, inline when it is small. The block passes to the key.
    /// Returns the value's length.
    @discardableResult
    public func setRaw(_ block: SharedBlock) -> Int {
        let count = block.count
        if count >= Limits.sharedValueBytesMin {
            set(.block(block))
        } else {
            set(.bytes(block.view))
            block.release()
        }
        markRaw()
        return count
    }

    private func markRaw() {
        liveEntry()?.entry.isRaw = true
    }

    func lengthOfValue(_ entry: Entry) -> Int {
        switch entry.kind {
        case .bytes: entry.inlineBytes.count
        case .integer: decimalLength(entry.integer)
        case .shared: entry.block.count
        case .counter: decimalLength(entry.counterShown)
        case .general: entry.general.takeUnretainedValue().text(at: context.pointee.nowMilliseconds)?.count ?? 0
        }
    }

    /// Gives the value room for `length` bytes, new ones zeroed, in its own memory and under a new stamp.
    /// Returns where its bytes are.
    private func extend(_ position: SlotPosition, to length: Int) -> UnsafeMutablePointer<UInt8> {
        let entry = position.entry
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        if entry.kind == .shared { return extendBlock(entry, to: length, stamp) }
        var digits = ByteBuffer(capacity: 24)
        if entry.kind == .integer { digits.append(decimal: entry.integer) }
        let deadline = entry.hasDeadline ? entry.deadlineMilliseconds : nil
        let present = entry.kind == .integer ? digits.count : entry.inlineBytes.count
        if length >= Limits.sharedValueBytesMin {
            let block = SharedBlock.allocate(capacity: length + length / 2)
            let source = entry.kind == .integer ? digits.view : entry.inlineBytes
            a2_memory_copy(block.bytes, source.start, present)
            a2_memory_zero(block.bytes + present, length - present)
            block.count = length
            let grown = shape(position, kind: .shared, valueLength: 8, deadline: deadline, stamp: stamp)
            grown.block = block
            partition.pointee.ownedBytes += block.footprintBytes
            grown.isRaw = true
            return block.bytes
        }
        // The old bytes survive in scratch while the entry changes under them.
        if entry.kind == .bytes { digits.append(entry.inlineBytes) }
        let grown = shape(position, kind: .bytes, valueLength: length, deadline: deadline, stamp: stamp)
        let value = grown.valueAddress.assumingMemoryBound(to: UInt8.self)
        a2_memory_copy(value, digits.view.start, present)
        a2_memory_zero(value + present, length - present)
        grown.isRaw = true
        return value
    }

    /// In place while nobody is sending the block and it has room; into a larger copy otherwise.
    private func extendBlock(_ entry: Entry, to length: Int, _ stamp: Stamp) -> UnsafeMutablePointer<UInt8> {
        entry.stamp = stamp
        noteAccess(entry)
        entry.isRaw = true
        var block = entry.block
        if !block.isUnique || block.capacity < length {
            let larger = SharedBlock.copying(
                block.view, capacity: length > block.capacity ? length + length / 4 : length)
            partition.pointee.ownedBytes += larger.footprintBytes - block.footprintBytes
            block.release()
            entry.block = larger
            block = larger
        }
        if block.count < length {
            a2_memory_zero(block.bytes + block.count, length - block.count)
            block.count = length
        }
        return block.bytes
    }
}

/// Changes of one value that are made one by one and recorded as one.
public struct Overwrites {
    fileprivate let target: PatchTarget
    fileprivate var operations: [PatchOperation] = []

    fileprivate init(target: PatchTarget) { self.target = target }
}
