/// What the machine grants a process: room on a disk, open files; asked for by `a2 inspect doctor`.
import Glibc

public enum MachineFacts {
    /// Of the file system that `path` is on, as far as this user may use it; nil where it cannot be looked at.
    public static func diskSpace(_ path: String) -> (freeBytes: Int, totalBytes: Int)? {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { return nil }
        return (Int(facts.f_bavail) * Int(facts.f_frsize), Int(facts.f_blocks) * Int(facts.f_frsize))
    }

    public static var descriptorLimit: Int { limit(RLIMIT_NOFILE) }

    /// `.max` without a limit.
    public static var fileSizeLimit: Int { limit(RLIMIT_FSIZE) }

    private static func limit(_ resource: __rlimit_resource) -> Int {
        var limits = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &limits) == 0 else { return .max }
        return Int(clamping: limits.rlim_cur)
    }

    /// For tools that look again and again; nothing that serves anybody sleeps.
    public static func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }
}
