/// What is looked up in a2-replication(7): conflicts, numbers, log lines, differences from Redis.
///
/// To say something of a log line: a row in `troubles`, quoting the line with "…" for what varies.

extension ReplicationPage {
    static let conflictIntroduction = [
        "Two writes are concurrent when neither node had seen the other's. What then happens by type is here, and by "
            + "command in a2-commands(7). Conditions (NX, XX, GT, WATCH, a MULTI's reads) hold on the node that ran "
            + "them."
    ]

    static let conflicts: [Item] = [
        ("SET and SET", "The later one wins, of two at the very same time that of the lower node id."),
        (
            "INCR and INCR",
            "Increments of all nodes add up, those of INCRBYFLOAT too. A sum that leaves 64 bits by merging reads as "
                + "the largest or smallest integer."
        ),
        (
            "SET and INCR",
            "The increment is added to the value that was set, if that is a number: SET 50 and INCR give 51."
        ),
        (
            "APPEND, SETRANGE, SETBIT",
            "Changes of the same value all stay: appended pieces in the order of their time, of bytes and bits that "
                + "both changed the later. A concurrent SET of the value they were made on replaces them."
        ),
        (
            "DEL and a write",
            "DEL, GETDEL, FLUSHDB, FLUSHALL, RENAME's source and eviction remove what their node had seen. A write "
                + "it had not seen stays, of a counter just the increments it had not seen."
        ),
        (
            "EXPIRE and EXPIRE",
            "The longest time to live wins, and PERSIST over all. A time to live given by SET belongs to its value "
                + "and goes with it; a concurrent EXPIRE can make it longer. Keys expire by themselves at the same "
                + "moment on every node."
        ),
        (
            "MULTI",
            "Whole for everybody on the node that ran it. A peer takes in the part of each partition whole; keys "
                + "with the same {tag} stand in one partition."
        ),
        (
            "maxmemory",
            "Each node's own for its clients' writes. What peers write is always taken in. An eviction is a DEL."
        ),
    ]

    static let monitoring: [Item] = [
        (
            "A2.PEERS",
            "One map for each other node. client-address is where clients reach it: its client port on the host its "
                + "peers use. membership is joining, member, left or expelled; health is alive, "
                + "unreachable from here (others hear it), suspect or dead, and decides nothing; outgoing and "
                + "incoming are the two links: up, connecting, syncing while something is missing, down. lag-ms is "
                + "how old what comes from the node is, pending-bytes what it has not acknowledged, "
                + "partitions-missing how many states are still to come."
        ),
        (
            "INFO a2",
            "The numbers to watch: a2_peers_up below a2_peers, a2_lag_max_ms, a2_stable_ms and a2_slowest_replica, "
                + "a2_silent_pending_bytes near a2_window_capacity_bytes (past it the node is served from the log, or repairs from "
                + "states), a2_log_peers, the peers that are served from the log now, with a2_log_frames_served and "
                + "a2_log_bytes_served of all such so far, "
                + "a2_keys_diverged and a2_forks above zero, a2_links_refused growing, a2_write_gate not empty: why "
                + "this node takes no writes."
        ),
        (
            "INFO replication, ROLE",
            "Every node is a master, and its linked peers are shown as Redis shows replicas. INFO crdt has the names "
                + "that Redis Enterprise has for some of this."
        ),
        (
            "A2.SYNC",
            "Compares with all peers now, or with one. A2.DIGEST returns a fingerprint of all data: equal on nodes "
                + "that have seen the same writes."
        ),
    ]

    static let troubles: [Item] = [
        (
            "cannot reach the peer at …",
            "It does not run, listens elsewhere (--peer-port, --bind, --advertise) or a firewall stands between. It "
                + "is dialled again, at most five seconds apart."
        ),
        (
            "refused a peer: …; a peer refuses this node: …",
            "A node that dialled was turned away, seen from either side. What follows is the reason, one of the next."
        ),
        (
            "… belongs to cluster …",
            "The address is right and the cluster is not: give both the same --cluster, or take the address out of "
                + "--peer."
        ),
        (
            "… have different peer secrets; … has no peer secret and … has one",
            "The first lines of the nodes' --peer-secret-file differ, or one has none. After changing the file "
                + "restart the node."
        ),
        (
            "… has the node id of …, which is connected",
            "Two nodes with one --node-id. The one that came second is kept out: give it another number, or stop the "
                + "first if it was to be replaced."
        ),
        (
            "… runs on a copy of the data directory of …",
            "A directory was copied to make a new node. A new node starts empty, with a number of its own."
        ),
        (
            "the data directory of this node is a copy, or was restored: …",
            "It lies elsewhere than it was written, so its original may have written on. Reads are served; writes are "
                + "taken once every member has said what it knows of this node. Bring back, or expel, those named."
        ),
        (
            "… speaks peer protocol …: upgrade the older one",
            "Their releases are too far apart. Nodes of neighbouring releases link."
        ),
        (
            "what came is not a2's peer protocol",
            "Something else dials the peer port, or --peer names a client port."
        ),
        (
            "… was expelled from the cluster; … has left the cluster",
            "Its data is not taken any more. Stop it, or start it empty and it joins anew."
        ),
        (
            "not all peers have answered: node … goes on as …",
            "The node started while peers were away that may know writes of its own. Nothing is to be done."
        ),
        (
            "no peer has answered: this node takes writes alone",
            "It started empty and reached nobody. It writes under another generation of its name, and links as soon as "
                + "a peer is reached; should that generation have been used before, the peers refuse it and say so."
        ),
        (
            "belong to two clusters that have each gone their own way",
            "Each has settled data the other has never heard of. Keep one; start the nodes of the other empty."
        ),
        (
            "all generations of node … are used up",
            "It lost its past again and again while somebody was away, and none of its names is free yet. Bring back, or "
                + "expel, the member that is away; or start the node with another --node-id."
        ),
        (
            "… is behind the window: what it lacks is read from the log",
            "More than window-bytes was written while it was away or slow. Nothing is to be done: a line says when it is "
                + "back in the window, and how much came from the log."
        ),
        (
            "… cannot be served from the log: …",
            "The log does not reach back that far, because a snapshot has let its beginning go (snapshot-keep, "
                + "snapshot-after-bytes), or is longer since then than all data: states are cheaper."
        ),
        (
            "… fell out of the window and repairs from state",
            "More than window-bytes was written while it was away or slow, and the log could not help. If it happens in normal running, raise "
                + "window-bytes or peer-buffer-bytes, or look at the network."
        ),
        (
            "… has said nothing for … ms: dropping the link",
            "The machine or the network is gone or stalled. The link is dialled again."
        ),
        (
            "… keys of partition … differ from … although both have applied the same writes",
            "A defect, of a2 or of memory. The keys named are repaired, the later write stays on both sides. Please "
                + "report it."
        ),
        (
            "… overlaps what is here …: two nodes write under one name, or one lost its past",
            "A fork: the link is closed so that nothing is mixed up. Restart the node named empty, so that it takes "
                + "its data from the others."
        ),
        (
            "this node's clock is … ahead of …; this node's clock has jumped forward by …",
            "It takes no writes until the clock is right. Where the clock was wrong before and is right now, restart "
                + "the node."
        ),
    ]

    static let differences: [Item] = [
        (
            "REPLICAOF",
            "There is none: nodes are joined with --peer. No node is read-only, and as none is promoted there is no "
                + "failover."
        ),
        (
            "Order",
            "Redis' replicas see one order of all writes. Here each node's writes to a partition arrive in order; "
                + "writes of different nodes, or to different partitions, may be seen in different orders."
        ),
        (
            "Conditions",
            "SETNX, WATCH and locks made with them hold on one node. Two regions can both succeed."
        ),
        (
            "WAIT",
            "Counts peers that have applied the connection's writes; WAITAOF those that have them on disk. Neither "
                + "undoes anything when too few have."
        ),
        (
            "Expiry and eviction",
            "Redis' replicas wait for the master's DEL. Here expiry needs no message, and every node evicts by its "
                + "own maxmemory, which removes the key everywhere."
        ),
        (
            "Full synchronization",
            "Taking in a peer's state merges it into what is there. It never replaces newer data, needs no fork and "
                + "no file, and clients are served meanwhile."
        ),
        (
            "Offsets",
            "master_repl_offset counts this node's own writes. Offsets of two nodes have nothing to do with each "
                + "other."
        ),
    ]
}
