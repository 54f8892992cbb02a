/// Every bound in one place: Redis' own where Redis has one.
public enum Limits {
    /// Redis' proto-max-bulk-len default.
    public static let bulkBytesMax = 512 * 1024 * 1024
    public static let argumentsMax = 1024 * 1024
    public static let inlineBytesMax = 64 * 1024
    /// Before AUTH a stranger may send only small things.
    public static let bulkBytesMaxUnauthenticated = 16 * 1024
    public static let argumentsMaxUnauthenticated = 10
    public static let queryBufferBytesMax = 1024 * 1024 * 1024
    /// Commands parsed ahead of execution, so that their table slots can be prefetched together.
    public static let batchCommandsMax = 32
    /// An argument this large gets a block of its own, read straight from the socket, that SET can keep.
    public static let blockArgumentBytesMin = 1024 * 1024
    /// A value this large lives in a shared block outside its entry and is sent without a copy.
    public static let sharedValueBytesMin = 16 * 1024
    /// A frame larger than this stays out of the window: peers fetch it by repair.
    public static let windowFrameBytesMax = 1024 * 1024
    public static let databasesMax = 16
}
