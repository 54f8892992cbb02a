/// What a process can learn about itself and its machine: INFO's memory, cpu and server sections.
import CLinux
import Glibc

public enum ProcessFacts {
    public struct CPUTimes: Sendable {
        public let userMicroseconds: Int64
        public let systemMicroseconds: Int64
    }

    public static var id: Int32 { getpid() }

    public static var residentBytes: Int { Int(a2_resident_bytes()) }

    public static var physicalMemoryBytes: Int { Int(a2_physical_memory_bytes()) }

    public static var cpuTimes: CPUTimes {
        let times = readTimes()
        return CPUTimes(userMicroseconds: times.user_microseconds, systemMicroseconds: times.system_microseconds)
    }

    public static var childrenCPUTimes: CPUTimes {
        let times = readTimes()
        return CPUTimes(
            userMicroseconds: times.children_user_microseconds, systemMicroseconds: times.children_system_microseconds)
    }

    /// Of the calling thread alone.
    public static var threadCPUTimes: CPUTimes {
        let times = readTimes()
        return CPUTimes(
            userMicroseconds: times.thread_user_microseconds, systemMicroseconds: times.thread_system_microseconds)
    }

    private static func readTimes() -> a2_cpu_times {
        var times = a2_cpu_times()
        a2_read_cpu_times(&times)
        return times
    }

    /// Raises the limit of open descriptors to `wanted` or as near as is allowed, and returns it.
    public static func raiseDescriptorLimit(to wanted: Int) -> Int { Int(a2_raise_descriptor_limit(Int64(wanted))) }

    /// "Linux 6.1.0 x86_64".
    public static var systemName: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            guard let start = text.baseAddress else { return "" }
            a2_system_name(start, text.count)
            return String(cString: start)
        }
    }

    public static var executablePath: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { text in
            guard let start = text.baseAddress, a2_executable_path(start, text.count) > 0 else { return "" }
            return String(cString: start)
        }
    }

    /// Gives the C heap's free pages back to the system.
    public static func trimHeap() { a2_trim_heap() }
}

public enum Environment {
    /// Every variable; of one named twice the first, as getenv has it.
    public static var all: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            if let equals = line.firstIndex(of: "=") {
                let name = String(line[..<equals])
                if variables[name] == nil { variables[name] = String(line[line.index(after: equals)...]) }
            }
            entry += 1
        }
        return variables
    }
}
