/// The log's files: the next one allocated ahead, the move to it, and the removal of those that nobody needs any more.
import Base

extension LogWriter {
    /// Allocates the next segment unless that is done. Blocks for milliseconds. A failure other than a full disk is
    /// final.
    public mutating func prepareNext() throws(StorageError) -> NextSegment {
        try prepareNext(length: segmentBytes)
    }

    private mutating func prepareNext(length: Int) throws(StorageError) -> NextSegment {
        try refuseWhenStopped()
        if let spare, spare.length >= length { return .ready }
        let path = FileNames.join(directory, FileNames.spareSegment)
        let isNew = spare == nil
        do throws(StorageError) {
            let file: DiskFile
            if let spare {
                file = spare.file
            } else {
                file = try disk.open(path, for: .replacing, permissions: FileNames.filePermissions)
                spare = Spare(file: file, length: 0)
            }
            try disk.allocate(file, length: length, path: path)
            try disk.sync(file, path: path)
            if isNew { try disk.syncDirectory(directory) }
            spare?.length = length
            return .ready
        } catch {
            guard error.isFull else { throw stop(error) }
            // What was allocated of it goes back: others may need the room to make more.
            if let spare { disk.close(spare.file) }
            spare = nil
            try? disk.remove(path)
            return .full(error)
        }
    }

    mutating func moveOn(forBatchBytes bytes: Int) throws(StorageError) {
        let length = max(segmentBytes, LogSegmentHeader.byteCount + bytes)
        if case .full(let error) = try prepareNext(length: length) { throw error }
        try sync()
        if let current {
            do throws(StorageError) {
                try disk.truncate(current.file, to: current.offset, path: current.path)
            } catch { throw stop(error) }
        }
        try begin(previousEnd: endPosition)
        _ = try prepareNext()
    }

    /// Makes the segment allocated ahead the current one.
    mutating func begin(previousEnd: UInt64) throws(StorageError) {
        guard let next = spare else { preconditionFailure("no segment was allocated ahead") }
        let header = LogSegmentHeader(
            number: (segments.last?.number ?? 0) + 1, position: endPosition, previousEnd: previousEnd, owner: owner)
        let spareName = FileNames.join(directory, FileNames.spareSegment)
        let path = FileNames.join(directory, FileNames.segment(header.number))
        let (bytes, crc) = header.encode()
        do throws(StorageError) {
            try bytes.withView { (view) throws(StorageError) in
                try disk.writeAll(view, to: next.file, at: 0, path: spareName)
            }
            try disk.sync(next.file, path: spareName)
            try disk.rename(spareName, to: path)
            try disk.syncDirectory(directory)
        } catch {
            throw stop(error)
        }
        if let current { disk.close(current.file) }
        current = Current(
            file: next.file, path: path, crc: crc, offset: LogSegmentHeader.byteCount, capacity: next.length,
            touched: LogSegmentHeader.byteCount)
        spare = nil
        segments.append(Segment(number: header.number, position: endPosition))
    }

    /// Goes on in a segment that recovery has left ready to be written at `offset`.
    mutating func resume(file: DiskFile, path: String, crc: UInt32, offset: Int, capacity: Int) {
        current = Current(
            file: file, path: path, crc: crc, offset: offset, capacity: capacity, touched: offset)
    }

    /// Gives the current segment its full length again, if there is room; otherwise it ends where it ends.
    mutating func extend() {
        guard let current, current.capacity < segmentBytes else { return }
        do throws(StorageError) {
            try disk.allocate(current.file, length: segmentBytes, path: current.path)
            self.current?.capacity = segmentBytes
        } catch {}
    }

    /// Removes the segments whose content all lies before `position`, oldest first, and returns how many. Nothing that
    /// recovers from `position` on needs them, whichever of the removals a crash undoes.
    public mutating func removeSegments(endingBefore position: UInt64) throws(StorageError) -> Int {
        try refuseWhenStopped()
        var count = 0
        do throws(StorageError) {
            while count + 1 < segments.count, segments[count + 1].position <= position {
                try disk.remove(FileNames.join(directory, FileNames.segment(segments[count].number)))
                count += 1
            }
            if count > 0 { try disk.syncDirectory(directory) }
        } catch {
            throw stop(error)
        }
        segments.removeFirst(count)
        return count
    }
}
