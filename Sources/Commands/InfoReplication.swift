/// INFO's sections on other nodes. In "replication" peers look like Redis' replicas, "a2" tells everything, and
/// "crdt" has the names of Redis Enterprise where it has some for what is told.
import Base
import Engine
import Options
import Replication

extension ClusterReport.Peer {
    /// Of its address, which is that of the peer port.
    var hostAndPort: (host: String, port: Int) {
        guard let parsed = try? PeerAddress(address) else { return (address, 0) }
        return (parsed.host, parsed.port)
    }

    /// Nobody hears from it, and what it has not acknowledged has to be kept until it is back or expelled.
    var isSilent: Bool { isPresent && health != "alive" }
}

extension Node {
    /// Who has a link from here, as Redis tells of its replicas; the offset is what was acknowledged.
    func followers(_ report: ClusterReport) -> [(peer: ClusterReport.Peer, offset: UInt64)] {
        let end = window.end
        return report.peers.filter { $0.outgoing == "up" }.map { ($0, end - min($0.pendingBytes, end)) }
    }
}

extension InfoReport {
    private var windowCapacity: UInt64 { UInt64(node.window.capacity) }
    private var windowBytes: UInt64 { min(node.window.end, windowCapacity) }
    private var presentPeers: [ClusterReport.Peer] { cluster.peers.filter(\.isPresent) }

    /// What other nodes say of themselves stands in fields that "," and "=" divide, in lines of their own.
    private func word(_ text: String) -> String {
        String(text.map { $0 == "," || $0 == "=" || $0.isWhitespace || $0.asciiValue ?? 32 < 32 ? "_" : $0 })
    }

    // MARK: Replication

    var replication: Fields {
        let followers = node.followers(cluster)
        var fields: Fields = [("role", "master"), ("connected_slaves", "\(followers.count)")]
        for (number, follower) in followers.enumerated() {
            let (host, port) = follower.peer.hostAndPort
            let lagSeconds = (follower.peer.silentMilliseconds ?? 0) / 1000
            fields.append(
                ("slave\(number)", "ip=\(host),port=\(port),state=online,offset=\(follower.offset),lag=\(lagSeconds)"))
        }
        return fields + [
            ("master_failover_state", "no-failover"), ("master_replid", node.identity.runID),
            ("master_replid2", String(repeating: "0", count: 40)), ("master_repl_offset", "\(node.window.end)"),
            ("second_repl_offset", "-1"), ("repl_backlog_active", "1"),
            ("repl_backlog_size", "\(node.window.capacity)"),
            ("repl_backlog_first_byte_offset", "\(node.window.end - windowBytes + 1)"),
            ("repl_backlog_histlen", "\(windowBytes)"),
        ]
    }

    // MARK: A2

    var ours: Fields {
        let own: Fields = [
            ("a2_version", Version.number), ("a2_node_id", "\(node.replica.node)"), ("a2_replica", "\(node.replica)"),
            ("a2_name", settings.nodeName), ("a2_region", settings.text(.region)),
            ("a2_cluster", settings.text(.cluster)), ("a2_loops", "\(node.identity.loopCount)"),
            ("a2_loop_turns_total", "\(readings.loopTurns)"), ("a2_partitions", "\(Slots.partitionCount)"),
            ("a2_frames_total", "\(counts.frames)"), ("a2_frame_bytes_total", "\(counts.frameBytes)"),
            ("a2_window_bytes", "\(windowBytes)"), ("a2_window_capacity_bytes", "\(node.window.capacity)"),
            ("a2_stable_ms", "\(stableMilliseconds)"), ("a2_ephemeral", settings.flag(.ephemeral) ? "1" : "0"),
            ("a2_peer_port", "\(readings.peerPort)"), ("a2_write_gate", node.writeGate?.text ?? ""),
        ]
        return own + clusterNumbers + peerLines + silentLines
    }

    private var clusterNumbers: Fields {
        let present = presentPeers
        let counted = cluster.counted.isEmpty ? [node.replica] : cluster.counted
        return [
            ("a2_peers", "\(present.count)"), ("a2_peers_up", "\(present.count { $0.isLinked })"),
            ("a2_lag_max_ms", "\(present.compactMap(\.lagMilliseconds).max() ?? 0)"),
            ("a2_counted", "\(counted.count)"),
            ("a2_counted_replicas", counted.map(\.description).joined(separator: ",")),
            ("a2_slowest_replica", cluster.slowest?.description ?? ""),
            ("a2_frames_received", "\(cluster.framesReceived)"), ("a2_frames_applied", "\(cluster.framesApplied)"),
            ("a2_frames_duplicate", "\(cluster.duplicates)"),
            ("a2_frames_held_bytes", "\(cluster.framesHeldBytes)"), ("a2_frames_ahead", "\(cluster.framesAhead)"),
            ("a2_gaps", "\(cluster.gaps)"), ("a2_forks", "\(cluster.forks)"),
            ("a2_states_joined", "\(cluster.statesJoined)"), ("a2_states_served", "\(cluster.statesServed)"),
            ("a2_log_peers", "\(cluster.peersOnLog)"),
            ("a2_log_frames_served", "\(cluster.framesServedFromLog)"),
            ("a2_log_bytes_served", "\(cluster.bytesServedFromLog)"),
            ("a2_keys_repaired", "\(cluster.keysRepaired)"), ("a2_keys_diverged", "\(cluster.divergedKeys)"),
            ("a2_digest_rounds", "\(cluster.digestRounds)"), ("a2_links_refused", "\(cluster.refusals)"),
        ]
    }

    private var peerLines: Fields {
        presentPeers.enumerated().map { number, peer in
            let state = peer.isLinked ? "up" : peer.outgoing == "up" ? peer.incoming : peer.outgoing
            let isCounted = cluster.counted.contains(peer.replica)
            return (
                "a2_peer\(number)",
                "id=\(peer.replica.node),name=\(word(peer.name)),region=\(word(peer.region)),state=\(state),"
                    + "lag_ms=\(peer.lagMilliseconds ?? -1),rtt_ms=\(peer.roundTripMilliseconds ?? -1),"
                    + "pending_frames=\(peer.pendingFrames),pending_bytes=\(node.pendingBytes(of: peer)),"
                    + "health=\(word(peer.health)),membership=\(word(peer.membership)),counted=\(isCounted ? 1 : 0)"
            )
        }
    }

    /// What each member that nobody hears from costs; the window is one for all, so together they cost what the
    /// one furthest behind does.
    private var silentLines: Fields {
        let silent = presentPeers.filter(\.isSilent)
        let bytes = silent.map { node.pendingBytes(of: $0) }
        let total: Fields = [
            ("a2_silent_peers", "\(silent.count)"), ("a2_silent_pending_bytes", "\(bytes.max() ?? 0)"),
        ]
        return total
            + silent.indices.map { index in
                (
                    "a2_silent\(index)",
                    "id=\(silent[index].replica.node),health=\(word(silent[index].health)),"
                        + "silent_ms=\(silent[index].silentMilliseconds ?? -1),pending_bytes=\(bytes[index])"
                )
            }
    }

    /// The age of the cut: whatever is older is on every member. Alone, 0 once everything has settled.
    private var stableMilliseconds: Int64 {
        guard cluster.counted.count > 1 else {
            return survey.oldestUnsettledMilliseconds.map { max(nowMilliseconds - $0, 0) } ?? 0
        }
        // Where nothing is stable yet, nothing has been since the start.
        let since =
            cluster.stableUnixMilliseconds > 0 ? cluster.stableUnixMilliseconds : node.identity.startMilliseconds
        return max(nowMilliseconds - since, 0)
    }

    // MARK: CRDT

    var enterprise: Fields {
        let peers = cluster.peers.filter(\.isPresent)
        var fields: Fields = [
            ("crdt_slots", "0-\(Slots.count - 1)"), ("crdt_replid", "\(node.replica)"),
            ("crdt_clock", "\(survey.latest[node.replica])"), ("crdt_ovc", vector(survey.latest)),
        ]
        for (number, peer) in peers.filter({ $0.outgoing == "up" }).enumerated() {
            let (host, port) = peer.hostAndPort
            fields.append(
                ("crdt_peer\(number)", "id=\(peer.replica.node),ip=\(host),port=\(port),state=\(peer.incoming)"))
        }
        fields += [
            ("crdt_sync_full", "\(cluster.statesJoined)"), ("crdt_merge_reqs", "\(cluster.statesJoined)"),
            ("crdt_effect_reqs", "\(cluster.framesReceived)"),
            ("crdt_ovc_filtered_effect_reqs", "\(cluster.duplicates)"),
            ("crdt_gc_gvc_min", "\(cluster.stableUnixMilliseconds)"),
        ]
        for (number, peer) in peers.enumerated() {
            // One process has all slots; what it lags behind is counted in frames.
            fields.append(
                (
                    "crdt_replica\(number)",
                    "id=\(peer.replica.node),shards=1,slots=0-\(Slots.count - 1),slot_coverage=\(Slots.count),"
                        + "max_ops_lag=\(peer.pendingFrames),min_ops_lag=\(peer.pendingFrames)"
                ))
        }
        return fields
    }

    private func vector(_ versions: Versions) -> String {
        versions.stamps.map { "\($0)" }.joined(separator: ";")
    }
}
