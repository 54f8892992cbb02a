/// What the log and the snapshots have last said of themselves, for INFO and LASTSAVE.
import Base
import Engine
import Replication

public struct PersistenceReport: Sendable {
    /// Whether there is a log at all.
    public var isDurable = false
    public var fsync = "no"
    /// Positions in the log: bytes of entries since it began.
    public var logStart: UInt64 = 0
    public var logEnd: UInt64 = 0
    public var logDurable: UInt64 = 0
    public var segmentCount = 0
    public var batches: UInt64 = 0
    public var syncs: UInt64 = 0
    public var lastSyncMicroseconds: Int64 = 0
    public var slowestSyncMicroseconds: Int64 = 0
    /// Written since the last sync, and how old the oldest of it is.
    public var diskIsFull = false
    public var fullReason = ""

    public var isSaving = false
    public var saveStartMilliseconds: Int64 = 0
    public var lastSaveUnixSeconds: Int64 = 0
    /// Of the last attempt, -1 before the first.
    public var lastSaveSeconds: Int64 = -1
    public var lastSaveFailed = false
    public var saves: UInt64 = 0
    public var snapshotBytes = 0
    public var snapshotKeys = 0
    public var snapshotCount = 0
    /// Where the log stood when the last snapshot began.
    public var snapshotStart: UInt64 = 0
    public var framesAtSave: UInt64 = 0

    /// Of the start.
    public var keysLoaded = 0
    public var framesReplayed = 0
    public var loadMilliseconds: Int64 = 0
    public var bytesTruncated = 0

    public init() {}
}

extension InfoReport {
    /// Redis' fields, with the snapshot for its RDB and the log for its AOF, and then a2's own.
    var persistence: Fields {
        let report = node.persistence.withLock { $0 }
        let now = nowMilliseconds
        let isRewriting = report.isSaving
        let current = isRewriting ? max((now - report.saveStartMilliseconds) / 1000, 0) : -1
        let lastSave =
            report.lastSaveUnixSeconds > 0
            ? report.lastSaveUnixSeconds : node.identity.startMilliseconds / 1000
        let logBytes = report.logEnd &- report.logStart
        var fields: Fields = [
            ("loading", "0"), ("async_loading", "0"), ("current_cow_peak", "0"), ("current_cow_size", "0"),
            ("current_cow_size_age", "0"), ("current_fork_perc", "0.00"), ("current_save_keys_processed", "0"),
            ("current_save_keys_total", "0"),
            ("rdb_changes_since_last_save", "\(counts.frames &- min(report.framesAtSave, counts.frames))"),
            ("rdb_bgsave_in_progress", isRewriting ? "1" : "0"), ("rdb_last_save_time", "\(lastSave)"),
            ("rdb_last_bgsave_status", report.lastSaveFailed ? "err" : "ok"),
            ("rdb_last_bgsave_time_sec", "\(report.lastSaveSeconds)"),
            ("rdb_current_bgsave_time_sec", "\(current)"), ("rdb_saves", "\(report.saves)"),
            ("rdb_last_cow_size", "0"), ("rdb_last_load_keys_expired", "0"),
            ("rdb_last_load_keys_loaded", "\(report.keysLoaded)"), ("aof_enabled", report.isDurable ? "1" : "0"),
            ("aof_rewrite_in_progress", isRewriting ? "1" : "0"), ("aof_rewrite_scheduled", "0"),
            ("aof_last_rewrite_time_sec", "\(report.lastSaveSeconds)"),
            ("aof_current_rewrite_time_sec", "\(current)"),
            ("aof_last_bgrewrite_status", report.lastSaveFailed ? "err" : "ok"), ("aof_rewrites", "\(report.saves)"),
            ("aof_rewrites_consecutive_failures", report.lastSaveFailed ? "1" : "0"),
            ("aof_last_write_status", report.diskIsFull ? "err" : "ok"), ("aof_last_cow_size", "0"),
            ("module_fork_in_progress", "0"), ("module_fork_last_cow_size", "0"),
        ]
        guard report.isDurable else { return fields }
        let backlog = node.window.log?.backlogBytes(end: node.window.end) ?? 0
        fields += [
            ("aof_current_size", "\(logBytes)"), ("aof_base_size", "\(report.snapshotBytes)"),
            ("aof_pending_rewrite", "0"), ("aof_buffer_length", "\(backlog)"),
            ("aof_pending_bio_fsync", "0"), ("aof_delayed_fsync", "0"),
            ("a2_fsync", report.fsync), ("a2_log_start", "\(report.logStart)"), ("a2_log_end", "\(report.logEnd)"),
            ("a2_log_durable", "\(report.logDurable)"), ("a2_log_segments", "\(report.segmentCount)"),
            ("a2_log_batches", "\(report.batches)"), ("a2_log_syncs", "\(report.syncs)"),
            ("a2_log_last_sync_us", "\(report.lastSyncMicroseconds)"),
            ("a2_log_slowest_sync_us", "\(report.slowestSyncMicroseconds)"),
            ("a2_disk_full", report.diskIsFull ? "1" : "0"), ("a2_snapshots", "\(report.snapshotCount)"),
            ("a2_snapshot_bytes", "\(report.snapshotBytes)"), ("a2_snapshot_keys", "\(report.snapshotKeys)"),
            ("a2_load_ms", "\(report.loadMilliseconds)"), ("a2_load_frames", "\(report.framesReplayed)"),
            ("a2_load_truncated_bytes", "\(report.bytesTruncated)"),
        ]
        return fields
    }
}
