/// client-output-buffer-limit: what a client that does not read may cost before it is disconnected.

public struct OutputLimits: Sendable, Equatable {
    public struct Limit: Sendable, Equatable {
        /// Disconnected at once above this; 0 for no limit.
        public var hardBytes: Int
        /// Disconnected after `softSeconds` without interruption above this; 0 for no limit.
        public var softBytes: Int
        public var softSeconds: Int
    }

    public var normal: Limit
    public var replica: Limit
    public var pubsub: Limit

    public static let standard = OutputLimits(
        normal: Limit(hardBytes: 0, softBytes: 0, softSeconds: 0),
        replica: Limit(hardBytes: 256 << 20, softBytes: 64 << 20, softSeconds: 60),
        pubsub: Limit(hardBytes: 32 << 20, softBytes: 8 << 20, softSeconds: 60))

    public init(normal: Limit, replica: Limit, pubsub: Limit) {
        self.normal = normal
        self.replica = replica
        self.pubsub = pubsub
    }

    /// Classes `text` does not name keep their limits.
    public init(changing text: String, from old: OutputLimits) throws(ValueError) {
        self = old
        let words = splitWords(text)
        if words.count % 4 != 0 {
            throw ValueError("Wrong number of arguments in buffer limit configuration.")
        }
        for start in stride(from: 0, to: words.count, by: 4) {
            let place: WritableKeyPath<OutputLimits, Limit>
            switch words[start].lowercased() {
            case "normal": place = \.normal
            case "slave", "replica": place = \.replica
            case "pubsub": place = \.pubsub
            default: throw ValueError("Invalid client class specified in buffer limit configuration.")
            }
            guard let hard = memoryBytes(words[start + 1]), let soft = memoryBytes(words[start + 2]),
                let seconds = integer(words[start + 3]), seconds >= 0
            else { throw ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.") }
            self[keyPath: place] = Limit(hardBytes: hard, softBytes: soft, softSeconds: seconds)
        }
    }
}

extension OutputLimits: CustomStringConvertible {
    public var description: String {
        [("normal", normal), ("slave", replica), ("pubsub", pubsub)]
            .map { "\($0.0) \($0.1.hardBytes) \($0.1.softBytes) \($0.1.softSeconds)" }
            .joined(separator: " ")
    }
}
