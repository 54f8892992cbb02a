/// The first words on a connection: which protocol, who one is, which database, what the client calls itself.
import Options
import RESP

struct Handshake {
    let wanted: Connection.ProtocolVersion
    let clientName: String?
    let mayBeUnauthenticated: Bool
    let deadline: Int64

    func run(_ connection: Connection) throws(ClientError) {
        if wanted != .two, try hello(connection) {
            connection.protocolVersion = 3
        } else {
            try authenticate(connection)
            if let clientName { _ = try reply(connection, ["CLIENT", "SETNAME", clientName]) }
        }
        if !connection.needsAuthentication { try introduce(connection) }
    }

    /// False when the server speaks RESP2 only.
    private func hello(_ connection: Connection) throws(ClientError) -> Bool {
        let endpoint = connection.endpoint
        var words = ["HELLO", "3"]
        if let password = endpoint.password { words += ["AUTH", endpoint.user ?? "default", password] }
        if let clientName { words += ["SETNAME", clientName] }
        let answer = try reply(connection, words)
        guard let error = answer.errorText else {
            connection.greeting = answer
            return true
        }
        try failOnPassword(error, endpoint)
        if error.hasPrefix("NOAUTH") {
            guard endpoint.password == nil else { throw .authentication("\(endpoint): \(error)") }
            // AUTH, sent later, says the same to RESP2: the two differ only in how replies look.
            return false
        }
        if error.hasPrefix("NOPROTO") || error.lowercased().contains("unknown command") {
            guard wanted == .preferThree else { throw .refused("\(endpoint): \(error)") }
            return false
        }
        throw .refused("\(endpoint): \(error)")
    }

    private func authenticate(_ connection: Connection) throws(ClientError) {
        let endpoint = connection.endpoint
        guard let password = endpoint.password else {
            // Asked only to learn whether it is allowed to ask.
            let answer = try reply(connection, ["PING"])
            guard let error = answer.errorText else { return }
            if error.hasPrefix("NOAUTH") {
                guard mayBeUnauthenticated else { throw .authentication("\(endpoint): \(error)") }
                connection.needsAuthentication = true
            } else if error.hasPrefix("DENIED") || error.hasPrefix("ERR max") {
                throw .refused("\(endpoint): \(error)")
            }
            return
        }
        let answer = try reply(connection, ["AUTH"] + (endpoint.user.map { [$0] } ?? []) + [password])
        guard let error = answer.errorText else { return }
        try failOnPassword(error, endpoint)
        throw .authentication("\(endpoint): \(error)")
    }

    /// "Client sent AUTH, but no password is set" is a warning to redis-cli, but a script that believes it is known
    /// to the server had better learn that it is not.
    private func failOnPassword(_ error: String, _ endpoint: Endpoint) throws(ClientError) {
        if error.hasPrefix("WRONGPASS") || error.hasPrefix("NOPERM") || error.contains("AUTH") && error.hasPrefix("ERR")
        {
            throw .authentication("\(endpoint): \(error)")
        }
    }

    /// The database, which must be there, and the library, which a server need not want to know.
    private func introduce(_ connection: Connection) throws(ClientError) {
        let database = connection.endpoint.database
        if database != 0 {
            let answer = try reply(connection, ["SELECT", String(database)])
            if let error = answer.errorText { throw .refused("SELECT \(database) failed: \(error)") }
        }
        _ = try reply(connection, ["CLIENT", "SETINFO", "LIB-NAME", "a2"])
        _ = try reply(connection, ["CLIENT", "SETINFO", "LIB-VER", Version.number])
    }

    private func reply(_ connection: Connection, _ words: [String]) throws(ClientError) -> ReplyValue {
        try connection.send(words.map { Array($0.utf8) })
        return try connection.next(before: deadline)
    }
}
