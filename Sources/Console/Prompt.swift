/// What the prompt says of the connection: made from the replies, not from what was typed.
import CEdit
import Client
import RESP

/// Columns on a terminal.
func displayWidth(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + ($1.isASCII ? 1 : max(Int(a2_character_width($1.value)), 0)) }
}

struct PromptState: Equatable {
    var label: String
    private(set) var database: Int
    private(set) var isInTransaction = false
    var isConnected = false
    var isSubscribed = false
    var isMonitoring = false

    init(label: String, database: Int = 0) {
        self.label = label
        self.database = database
    }

    /// A new connection knows nothing of what the former one did.
    mutating func connected(label: String, database: Int) {
        self = PromptState(label: label, database: database)
        isConnected = true
    }

    mutating func disconnected() {
        isConnected = false
        isInTransaction = false
        isSubscribed = false
        isMonitoring = false
    }

    /// A command has been answered. Inside a transaction what is queued happens later.
    mutating func answered(_ words: [[UInt8]], _ reply: ReplyValue) {
        guard let name = words.first.map({ String(decoding: $0, as: UTF8.self).uppercased() }) else { return }
        if let error = reply.errorText {
            // EXEC is over even when it was refused.
            if name == "EXEC", error.hasPrefix("EXECABORT") { endTransaction(applying: false) }
            return
        }
        if reply.text == "QUEUED", isInTransaction {
            if name == "SELECT", words.count == 2 { queuedDatabase = Self.number(words[1]) }
            return
        }
        switch name {
        case "SELECT" where words.count == 2: database = Self.number(words[1]) ?? database
        case "MULTI": isInTransaction = true
        case "EXEC": endTransaction(applying: !reply.isNull)
        case "DISCARD": endTransaction(applying: false)
        case "RESET":
            isInTransaction = false
            queuedDatabase = nil
            database = 0
        default: break
        }
    }

    private var queuedDatabase: Int?

    private mutating func endTransaction(applying: Bool) {
        if applying, let queuedDatabase { database = queuedDatabase }
        queuedDatabase = nil
        isInTransaction = false
    }

    private static func number(_ word: [UInt8]) -> Int? { Int(String(decoding: word, as: UTF8.self)) }

    /// As redis-cli has it.
    var text: String {
        guard isConnected else { return "not connected> " }
        var text = label
        if database != 0 { text += "[\(database)]" }
        if isInTransaction { text += "(TX)" }
        if isSubscribed { text += "(subscribed mode)" }
        if isMonitoring { text += "(monitor)" }
        return text + "> "
    }
}
