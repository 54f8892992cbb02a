/// a2-replication(7): how nodes keep each other's data, for those who run them. `a2 man` prints it, and the
/// repository keeps the output.
///
/// What is looked up in it stands in `ReplicationPage+Lists`.
import Options

public enum ReplicationPage {
    public static let manualName = "a2-replication.7"

    typealias Item = (term: String, text: String)

    public static var manual: String {
        var text = Mdoc.head("a2-replication", "7", "how nodes of a2 keep the same data")
        text += ".Sh DESCRIPTION\n" + paragraphs(description)
        text += ".Sh CONCEPTS\n" + list(concepts)
        text += ".Sh OPERATION\n"
        for (title, texts) in operation { text += ".Ss \(title)\n" + paragraphs(texts) }
        text += ".Sh CONFLICTS\n" + paragraphs(conflictIntroduction) + list(conflicts)
        text += ".Sh MONITORING\n" + list(monitoring)
        text += ".Sh DIFFERENCES FROM REDIS\n" + list(differences)
        text += ".Sh EXAMPLES\n" + paragraphs(["Three nodes on one machine:"])
        for line in threeNodes { text += ".Dl \(Mdoc.argument(line))\n" }
        text +=
            ".Sh DIAGNOSTICS\n" + paragraphs(["Lines of the log; three dots are a name or a number."]) + list(troubles)
        return text + ".Sh SEE ALSO\n.Xr a2 1 ,\n.Xr a2.toml 5 ,\n.Xr a2-commands 7 ,\n.Xr a2-serve 8\n"
    }

    private static func paragraphs(_ texts: [String]) -> String {
        texts.map { Mdoc.text($0) + "\n" }.joined(separator: ".Pp\n")
    }

    private static func list(_ items: [Item]) -> String {
        ".Bl -tag -width Ds\n"
            + items.map { ".It Sy \(Mdoc.argument(mdoc($0.term)))\n\(mdoc(Mdoc.text($0.text)))\n" }.joined() + ".El\n"
    }

    /// Not every terminal has this sign.
    private static func mdoc(_ text: String) -> String { text.replacing("…", with: "...") }

    private static let threeNodes = [
        "a2 serve --ephemeral --node-id 1 --port 7001 --peer-port 17001 --peer 127.0.0.1:17002",
        "a2 serve --ephemeral --node-id 2 --port 7002 --peer-port 17002 --peer 127.0.0.1:17001",
        "a2 serve --ephemeral --node-id 3 --port 7003 --peer-port 17003 --peer 127.0.0.1:17001",
    ]

    private static let description = [
        "Every node of a cluster takes every write, answers its clients by itself and tells the others afterwards. "
            + "Nobody waits for anybody, there is no leader and nothing to fail over. Each value merges by rules "
            + "that do not depend on the order in which writes arrive: nodes that have seen the same writes show the "
            + "same data.",
        "A client keeps to one node, usually that of its own region, and sees there every write of its own from its "
            + "reply on. What others wrote elsewhere it sees a little later: as a rule one trip over the network.",
    ]

    private static let concepts: [Item] = [
        (
            "node",
            "One process of a2 serve, named by its --node-id, a number from 1 to 255 that no other node of the "
                + "cluster has. A node has all data."
        ),
        (
            "replica",
            "A node as the author of writes: its number and a generation, which is 0 and not shown at first. A node "
                + "that has lost what it wrote, and cannot learn all of it from its peers, goes on as its next "
                + "generation, so that no write is ever named like another: node 2 is replica 2, then 2.1. There are "
                + "four; one that was given up is free again once every member has all that was written under it, "
                + "and all of that has settled."
        ),
        (
            "member",
            "A replica that counts: what is not known to be on every member is kept in a form that can still be "
                + "merged. Members are made by joining and unmade by A2.LEAVE and A2.EXPEL; by silence "
                + "only where stability-timeout says so."
        ),
        (
            "peer",
            "Another node, as a node sees it. Two are linked when each has a connection to the other's peer port."
        ),
        (
            "frame",
            "What one command, or the commands of one MULTI in one partition, changed. Frames of a node leave in the "
                + "order they were written and are kept in its window, a memory of window-bytes, until newer ones "
                + "need the room."
        ),
        (
            "fence",
            "A node's promise, given with each heartbeat (ten a second under load, else two), that it writes nothing "
                + "any more at or before a point in time. Whoever has everything a node sent before a fence has "
                + "everything that node wrote up to there."
        ),
        (
            "cut",
            "The latest moment up to which every member has everything of every member. Older data costs what it "
                + "costs in Redis; newer data carries what merging needs. INFO has the age of the cut as "
                + "a2_stable_ms: a second or two while all is well, growing while a member is away."
        ),
        (
            "repair ladder",
            "How a node gets what it missed, from the cheapest way to the dearest. A link that broke resumes where "
                + "the peer's acknowledgement stands in the window. Where the window has moved on, a node with a "
                + "--data-dir reads what the peer lacks from its log, as long as that reaches back and the range is not "
                + "longer than all data (64 MB are always read), and goes on from the window once the peer has caught "
                + "up; this works over restarts of both, but for a node that has lost some of its past in a crash. "
                + "Else the versions of "
                + "all 256 partitions are compared, and of those that lead only keys changed since are sent, with "
                + "hashes of names so that deletions show. Where versions are equal, every repair-interval seconds "
                + "and at A2.SYNC, fingerprints of the data are compared, down to single keys."
        ),
    ]

    private static let operation: [(title: String, texts: [String])] = [
        (
            "Starting a cluster",
            [
                "Give each node a --node-id of its own, all the same --cluster, and each at least one --peer: it "
                    + "learns of the others from that one. The address of a peer is that of its peer port, 16379 by "
                    + "default. A node tells the others where to reach it with --advertise, which is needed where it "
                    + "listens on another address than it is reached at.",
                "A node that is started without --peer takes writes at once and counts nobody but itself, until "
                    + "somebody dials it. So give one to the first node too.",
                "Links are not encrypted. Between machines they are refused unless all nodes have the same "
                    + "--peer-secret-file, which keeps strangers from linking, and --peer-plaintext, which says that "
                    + "nobody listens on the network between them. The secret is never sent: both sides prove that "
                    + "they know it. Clients' passwords are another matter, and each node's own.",
            ]
        ),
        (
            "Starting, and starting again",
            [
                "A node with peers serves reads at once and takes writes when its peers have told it what it wrote "
                    + "in a former life, and it has that; until then writes are answered with LOADING. After five "
                    + "seconds without some of them it goes on as its next generation if it had a past, and as it is "
                    + "if none of those who answered knew it. A node that comes back empty fills itself from its "
                    + "peers.",
                "A node that wrote before it met anybody, and then meets a cluster, keeps all of it: counts are added "
                    + "to the cluster's, and other values count as written at the meeting, over what the cluster had. "
                    + "It tells nothing before it has heard what the cluster has. A node restored from a snapshot that "
                    + "was taken among others keeps the stamps in it, and brings nothing back that the cluster has "
                    + "changed or removed since.",
                "On SIGTERM a node sends what it has written before it ends. It stays a member.",
            ]
        ),
        (
            "When a node is lost",
            [
                "The others go on. Its clients can go to any other node. What it had sent to one of them but not to "
                    + "all is passed on by those who have it; what it had sent to nobody is gone with it, unless it "
                    + "comes back with it. WAIT tells a client how many peers have its writes.",
                "While it is a member the cut stands still, so that memory grows with what is written: INFO a2 has "
                    + "one a2_silent line for it, with what waits for it in bytes. A node that is to come back "
                    + "should be let come back. One that is not is expelled: A2.EXPEL with its number, on any node. "
                    + "The others first give each other what they have of it. Where another member is away too and "
                    + "cannot agree, A2.EXPEL with FORCE does not wait; what only that member had of the lost node "
                    + "may then be dropped. With stability-timeout, silent members are expelled without being asked "
                    + "for.",
                "An expelled node that turns up again is refused and takes no writes. Started empty, it joins anew.",
            ]
        ),
        (
            "When the network is cut",
            [
                "Both sides go on, reads and writes. When they meet again each takes in what it missed, and the "
                    + "rules below decide where both changed one key. Nothing has to be done. Do not expel nodes "
                    + "that serve clients on the other side: what they wrote since is lost to the cluster."
            ]
        ),
        (
            "Taking a node out",
            [
                "A2.LEAVE, sent to the node itself, ends its membership for good: it takes no more writes, the "
                    + "others take what they do not have yet, and wait for it no more. When A2.PEERS of another node "
                    + "says left, stop it."
            ]
        ),
        (
            "Clocks",
            [
                "Which of two concurrent writes is later is decided by the clocks of the machines, so keep them "
                    + "right (NTP). A write made after seeing another is always the later one, whatever the clocks "
                    + "say. Frames more than a minute ahead of a node's clock are held until their time has come, "
                    + "and a node whose own clock leads most of its peers by more than that takes no writes and says "
                    + "so."
            ]
        ),
    ]
}
