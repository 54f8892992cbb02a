/// Commands that want a second thought, and lines that must not be remembered.

enum Caution {
    private static func upper(_ word: [UInt8]) -> String { String(decoding: word, as: UTF8.self).uppercased() }

    /// What a command would do that cannot be taken back; nil for harmless ones. KEYS is judged by who knows the size.
    static func danger(_ words: [[UInt8]]) -> String? {
        guard let name = words.first.map(upper) else { return nil }
        let second = words.count > 1 ? upper(words[1]) : ""
        switch name {
        case "FLUSHALL": return "deletes every key of every database, on all nodes"
        case "FLUSHDB": return "deletes every key of this database, on all nodes"
        case "SHUTDOWN": return second == "ABORT" ? nil : "stops the server"
        case "DEBUG" where second != "HELP" && second != "OBJECT": return "may stop or change the server"
        case "CONFIG" where second == "SET" || second == "REWRITE" || second == "RESETSTAT":
            return "changes how the server runs"
        case "A2.EXPEL": return "ends a node's membership for good"
        case "A2.LEAVE": return "ends this node's membership for good"
        case "A2.LINK", "A2.DEBUG": return second == "HELP" ? nil : "cuts links or damages data, for tests"
        case "SWAPDB": return "exchanges two databases under their clients"
        case "REPLICAOF", "SLAVEOF", "FAILOVER": return "changes who replicates from whom"
        case "SCRIPT" where second == "FLUSH", "FUNCTION" where second == "FLUSH": return "deletes all scripts"
        case "CLIENT" where second == "PAUSE": return "stops all clients for a while"
        case "ACL" where second == "DELUSER" || second == "LOAD": return "changes who may do what"
        default: return nil
        }
    }

    /// Keys beyond which KEYS is asked about.
    static let manyKeys: Int64 = 100_000

    /// Whether a line carries a secret: it is kept out of the history.
    static func isSecret(_ words: [[UInt8]]) -> Bool {
        var words = words[...]
        // @node and a count in front belong to the console.
        while let first = words.first, first.first == UInt8(ascii: "@") || Int(upper(first)) != nil, words.count > 1 {
            words = words.dropFirst()
        }
        let upperWords = words.prefix(64).map(upper)
        guard let name = upperWords.first else { return false }
        let rest = upperWords.dropFirst()
        switch name {
        case "AUTH": return true
        case "HELLO": return rest.contains("AUTH")
        case "ACL": return rest.first == "SETUSER" || rest.first == "GETUSER"
        case "CONFIG":
            return rest.first == "SET"
                && rest.contains { ["REQUIREPASS", "MASTERAUTH", "MASTERUSER"].contains($0) || $0.contains("PASS") }
        case "MIGRATE": return rest.contains("AUTH") || rest.contains("AUTH2")
        case "CONNECT", ":CONNECT", ":NODE": return rest.contains { $0.contains("@") }
        default: return false
        }
    }
}
