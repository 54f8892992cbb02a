/// What this build calls itself.
public enum Version {
    public static let number = "0.1.0"
    /// The level of Redis whose commands and replies clients may expect.
    public static let redisLevel = "7.2.4"
}

/// How a2 ends, for scripts.
public enum ExitStatus {
    public static let success: Int32 = 0
    /// The answer is no, or the server said so.
    public static let negative: Int32 = 1
    public static let usage: Int32 = 2
    /// Cannot connect, listen or finish in time.
    public static let network: Int32 = 3
    public static let authentication: Int32 = 4
    public static let corruptData: Int32 = 5
    public static let configuration: Int32 = 6
    public static let internalError: Int32 = 70
}

extension ExitStatus {
    /// For the manual; a tool may put one in its own words.
    public static let meanings: [(status: Int32, meaning: String)] = [
        (success, "Success."),
        (negative, "The answer is no, or the server replied with an error."),
        (usage, "The arguments make no sense."),
        (network, "Cannot connect or listen, or it took too long."),
        (authentication, "The server does not know this user or password."),
        (corruptData, "Data is damaged."),
        (configuration, "A configuration that is not accepted."),
        (internalError, "A bug of a2."),
    ]
}
