/// INFO: the node in sections of "field:value" lines, in Redis' order and names, so that every exporter and
/// dashboard finds what it reads. What a2 does not have is told as the constant it always is.
import Base
import Engine
import Options
import RESP
import Replication
import Synchronization

let infoCommands: [Command] = [
    Command(
        name: "INFO", arity: -1, flags: [.loading, .stale, .walks], arguments: "[section [section ...]]",
        summary: "Returns information and statistics about the server.", since: "1.0.0", group: "server",
        categories: "@dangerous",
        tips: "nondeterministic_output request_policy:all_shards response_policy:special", handler: info)
]

/// In the order in which they are told, whatever the order they are asked for in.
enum InfoSection: String, CaseIterable {
    case server, clients, memory, persistence, stats, replication, a2, crdt, cpu, modules, commandstats, errorstats
    case latencystats, cluster, keyspace

    /// Told by INFO without arguments.
    var isDefault: Bool { self != .crdt && self != .commandstats && self != .latencystats }

    var title: String {
        switch self {
        case .cpu: "CPU"
        case .a2: "A2"
        case .crdt: "CRDT"
        default: rawValue.prefix(1).uppercased() + rawValue.dropFirst()
        }
    }
}

@Sendable
private func info(_ call: inout Invocation) throws(CommandError) {
    var wanted: [InfoSection] = []
    if call.arguments.count == 1 { wanted = InfoSection.allCases.filter(\.isDefault) }
    for index in 1..<max(call.arguments.count, 1) {
        let name = call.arguments[index].string.lowercased()
        switch name {
        case "default": wanted += InfoSection.allCases.filter(\.isDefault)
        case "everything": wanted += InfoSection.allCases
        case "all": wanted += InfoSection.allCases.filter { $0 != .modules }
        default: if let section = InfoSection(rawValue: name) { wanted.append(section) }
        }
    }
    call.effect = .walk(
        SurveyWalk(call.node) { call, survey in
            let report = InfoReport(call, survey)
            var text = ""
            for section in InfoSection.allCases where wanted.contains(section) {
                if !text.isEmpty { text += "\r\n" }
                text += "# \(section.title)\r\n"
                for (name, value) in report.fields(of: section) { text += "\(name):\(value)\r\n" }
            }
            text.withBytes { call.reply.verbatim("txt", $0) }
        })
}

/// One moment of the node, from which all sections are told.
struct InfoReport {
    typealias Fields = [(String, String)]

    let node: Node
    let settings: Settings
    let readings: ProcessReadings
    let baseline: ProcessReadings
    let counts: LoopCounts.Values
    let survey: KeyspaceSurvey
    let cluster: ClusterReport
    let nowMilliseconds: Int64
    let nowMicroseconds: Int64

    init(_ call: borrowing Invocation, _ survey: KeyspaceSurvey) {
        self.survey = survey
        node = call.node
        cluster = call.node.cluster.withLock { $0 }
        settings = call.node.settings
        readings = call.node.process.readings()
        baseline = call.node.baseline.withLock { $0 }
        var counts = LoopCounts.Values()
        for loop in call.node.statistics { counts = counts + loop.counts }
        self.counts = counts
        nowMilliseconds = call.nowMilliseconds
        nowMicroseconds = call.nowMicroseconds
    }

    func fields(of section: InfoSection) -> Fields {
        switch section {
        case .server: server
        case .clients: clients
        case .memory: memory
        case .persistence: persistence
        case .stats: statistics
        case .replication: replication
        case .a2: ours
        case .crdt: enterprise
        case .cpu: processor
        case .modules: []
        case .commandstats: commandStatistics
        case .errorstats: errorStatistics
        case .latencystats: latencyStatistics
        case .cluster: [("cluster_enabled", "0")]
        case .keyspace: keyspace
        }
    }

    // MARK: Sections

    private var uptimeSeconds: Int64 { max(nowMilliseconds - node.identity.startMilliseconds, 0) / 1000 }

    private var server: Fields {
        let identity = node.identity
        return [
            ("redis_version", Version.redisLevel), ("redis_git_sha1", "00000000"), ("redis_git_dirty", "0"),
            ("redis_build_id", "0"), ("redis_mode", "standalone"), ("os", identity.systemName), ("arch_bits", "64"),
            ("monotonic_clock", "POSIX clock_gettime"), ("multiplexing_api", identity.pollingInterface),
            ("atomicvar_api", "swift-synchronization"), ("process_id", "\(identity.processID)"),
            ("process_supervised", "no"), ("run_id", identity.runID), ("tcp_port", "\(port)"),
            ("server_time_usec", "\(nowMicroseconds)"), ("uptime_in_seconds", "\(uptimeSeconds)"),
            ("uptime_in_days", "\(uptimeSeconds / 86400)"), ("hz", "\(settings.integer(.hz))"),
            ("configured_hz", "\(settings.integer(.hz))"), ("lru_clock", "\(nowMilliseconds / 1000 & 0xFF_FFFF)"),
            ("executable", identity.executable), ("config_file", identity.configurationFile),
            ("io_threads_active", identity.loopCount > 1 ? "1" : "0"),
        ]
    }

    private var port: Int { readings.port > 0 ? readings.port : settings.integer(.port) }

    private var clients: Fields {
        [
            ("connected_clients", "\(readings.connectedClients)"), ("cluster_connections", "0"),
            ("maxclients", "\(settings.integer(.maxclients))"),
            ("client_recent_max_input_buffer", "\(readings.inputBufferBytesMax)"),
            ("client_recent_max_output_buffer", "\(readings.outputBufferBytesMax)"),
            ("blocked_clients", "\(readings.blockedClients)"), ("tracking_clients", "0"),
            ("clients_in_timeout_table", "0"),
        ]
    }

    private var memory: Fields {
        let (used, peak) = node.memoryNow()
        let limit = settings.integer(.maxmemory)
        let resident = readings.residentBytes
        let overhead = node.window.capacity + readings.clientBytes
        let ratio = used == 0 ? 0 : Double(resident) / Double(used)
        let share = peak == 0 ? 0 : Double(used) * 100 / Double(peak)
        return [
            ("used_memory", "\(used)"), ("used_memory_human", String(humanBytes: used)),
            ("used_memory_rss", "\(resident)"), ("used_memory_rss_human", String(humanBytes: resident)),
            ("used_memory_peak", "\(peak)"), ("used_memory_peak_human", String(humanBytes: peak)),
            ("used_memory_peak_perc", String(fixed: share, decimals: 2) + "%"),
            ("used_memory_overhead", "\(overhead)"), ("used_memory_startup", "0"),
            ("used_memory_dataset", "\(used)"), ("used_memory_dataset_perc", used == 0 ? "0.00%" : "100.00%"),
            ("allocator_allocated", "\(used)"), ("allocator_active", "\(resident)"),
            ("allocator_resident", "\(resident)"),
            ("total_system_memory", "\(node.identity.physicalMemoryBytes)"),
            ("total_system_memory_human", String(humanBytes: node.identity.physicalMemoryBytes)),
            ("used_memory_lua", "0"), ("used_memory_vm_eval", "0"), ("used_memory_lua_human", "0B"),
            ("used_memory_scripts_eval", "0"), ("number_of_cached_scripts", "0"), ("number_of_functions", "0"),
            ("number_of_libraries", "0"), ("used_memory_vm_functions", "0"), ("used_memory_vm_total", "0"),
            ("used_memory_vm_total_human", "0B"), ("used_memory_functions", "0"), ("used_memory_scripts", "0"),
            ("used_memory_scripts_human", "0B"), ("maxmemory", "\(limit)"),
            ("maxmemory_human", String(humanBytes: limit)), ("maxmemory_policy", settings.text(.maxmemoryPolicy)),
            ("allocator_frag_ratio", "1.00"), ("allocator_frag_bytes", "0"), ("allocator_rss_ratio", "1.00"),
            ("allocator_rss_bytes", "0"), ("rss_overhead_ratio", "1.00"), ("rss_overhead_bytes", "0"),
            ("mem_fragmentation_ratio", String(fixed: ratio, decimals: 2)),
            ("mem_fragmentation_bytes", "\(resident - used)"),
            ("mem_not_counted_for_evict", "\(overhead)"), ("mem_replication_backlog", "\(node.window.capacity)"),
            ("mem_total_replication_buffers", "\(node.window.capacity)"), ("mem_clients_slaves", "0"),
            ("mem_clients_normal", "\(readings.clientBytes)"), ("mem_cluster_links", "0"), ("mem_aof_buffer", "0"),
            ("mem_allocator", "a2"), ("active_defrag_running", "0"), ("lazyfree_pending_objects", "0"),
            ("lazyfreed_objects", "0"),
        ]
    }

    private var statistics: Fields {
        var calls: UInt64 = 0
        for loop in node.statistics { calls &+= loop.commandCount }
        let rates = node.rates.current
        let errors = errorCounts.reduce(0) { $0 + $1.count }
        func since(_ field: KeyPath<ProcessReadings, UInt64>) -> String {
            "\(readings[keyPath: field] &- min(baseline[keyPath: field], readings[keyPath: field]))"
        }
        return [
            ("total_connections_received", since(\.connectionsReceived)), ("total_commands_processed", "\(calls)"),
            ("instantaneous_ops_per_sec", "\(Int(rates.commandsPerSecond.rounded()))"),
            ("total_net_input_bytes", since(\.inputBytes)), ("total_net_output_bytes", since(\.outputBytes)),
            ("total_net_repl_input_bytes", since(\.peerInputBytes)),
            ("total_net_repl_output_bytes", since(\.peerOutputBytes)),
            ("instantaneous_input_kbps", String(fixed: rates.inputKilobytesPerSecond, decimals: 2)),
            ("instantaneous_output_kbps", String(fixed: rates.outputKilobytesPerSecond, decimals: 2)),
            ("instantaneous_input_repl_kbps", "0.00"), ("instantaneous_output_repl_kbps", "0.00"),
            ("rejected_connections", since(\.connectionsRejected)), ("sync_full", "0"), ("sync_partial_ok", "0"),
            ("sync_partial_err", "0"), ("expired_keys", "\(counts.expiredKeys)"), ("expired_stale_perc", "0.00"),
            ("expired_time_cap_reached_count", "0"), ("expire_cycle_cpu_milliseconds", "0"),
            ("evicted_keys", "\(counts.evictedKeys)"), ("evicted_clients", "0"),
            ("total_eviction_exceeded_time", "0"), ("current_eviction_exceeded_time", "0"),
            ("keyspace_hits", "\(counts.keyspaceHits)"), ("keyspace_misses", "\(counts.keyspaceMisses)"),
            ("pubsub_channels", "0"), ("pubsub_patterns", "0"), ("pubsubshard_channels", "0"),
            ("latest_fork_usec", "0"), ("total_forks", "0"), ("migrate_cached_sockets", "0"),
            ("slave_expires_tracked_keys", "0"), ("active_defrag_hits", "0"), ("active_defrag_misses", "0"),
            ("active_defrag_key_hits", "0"), ("active_defrag_key_misses", "0"), ("total_active_defrag_time", "0"),
            ("current_active_defrag_time", "0"), ("tracking_total_keys", "0"), ("tracking_total_items", "0"),
            ("tracking_total_prefixes", "0"), ("unexpected_error_replies", "0"),
            ("total_error_replies", "\(errors)"), ("dump_payload_sanitizations", "0"),
            ("total_reads_processed", since(\.reads)), ("total_writes_processed", since(\.writes)),
            ("io_threaded_reads_processed", "0"), ("io_threaded_writes_processed", "0"),
            ("reply_buffer_shrinks", "0"), ("reply_buffer_expands", "0"),
        ]
    }

    private var processor: Fields {
        func seconds(_ microseconds: Int64) -> String {
            String(fixed: Double(microseconds) / 1_000_000, decimals: 6)
        }
        return [
            ("used_cpu_sys", seconds(readings.systemCPUMicroseconds)),
            ("used_cpu_user", seconds(readings.userCPUMicroseconds)),
            ("used_cpu_sys_children", seconds(readings.childrenSystemCPUMicroseconds)),
            ("used_cpu_user_children", seconds(readings.childrenUserCPUMicroseconds)),
            ("used_cpu_sys_main_thread", seconds(readings.mainThreadSystemCPUMicroseconds)),
            ("used_cpu_user_main_thread", seconds(readings.mainThreadUserCPUMicroseconds)),
        ]
    }

    // MARK: Rows

    private var allRows: [Command] { CommandTable.shared.commands.flatMap { [$0] + $0.subcommands } }

    private var commandStatistics: Fields {
        allRows.compactMap { row in
            let sum = node.statistics(of: row)
            if sum.calls == 0, sum.rejected == 0, sum.failed == 0 { return nil }
            let microseconds = node.microseconds(sum.ticks)
            let mean = sum.calls == 0 ? 0 : Double(microseconds) / Double(sum.calls)
            return (
                "cmdstat_\(row.fullName)",
                "calls=\(sum.calls),usec=\(microseconds),usec_per_call=\(String(fixed: mean, decimals: 2)),"
                    + "rejected_calls=\(sum.rejected),failed_calls=\(sum.failed)"
            )
        }
    }

    /// By code, over all loops.
    private var errorCounts: [(code: String, count: UInt64)] {
        var sums: [(code: String, count: UInt64)] = []
        for loop in node.statistics {
            for (code, count) in loop.errorCounts {
                let code = String(decoding: code, as: UTF8.self)
                if let index = sums.firstIndex(where: { $0.code == code }) {
                    sums[index].count += count
                } else {
                    sums.append((code, count))
                }
            }
        }
        return sums.sorted { $0.code < $1.code }
    }

    private var errorStatistics: Fields {
        errorCounts.map { ("errorstat_\($0.code)", "count=\($0.count)") }
    }

    private var latencyStatistics: Fields {
        guard settings.flag(.latencyTracking) else { return [] }
        let names = settings.list(.latencyPercentiles)
        return allRows.compactMap { row in
            let sum = node.statistics(of: row)
            if sum.calls == 0 { return nil }
            let values = names.compactMap { name in
                Double(name).map { "p\(name)=" + String(fixed: node.percentile($0, sum), decimals: 3) }
            }
            return ("latency_percentiles_usec_\(row.fullName)", values.joined(separator: ","))
        }
    }

    private var keyspace: Fields {
        survey.databases.enumerated().compactMap { number, database in
            if database.keys == 0 { return nil }
            let left = database.meanDeadlineMilliseconds.map { max($0 - nowMilliseconds, 0) } ?? 0
            return ("db\(number)", "keys=\(database.keys),expires=\(database.volatileKeys),avg_ttl=\(left)")
        }
    }
}
