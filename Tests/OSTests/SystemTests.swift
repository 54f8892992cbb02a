/// The clock, files, threads, what systemd is told, and what the process knows of itself.
import Base
import Glibc
import Testing

@testable import OS

@Suite struct SystemTests {
    @Test("Ticks agree with the clock")
    func ticks() {
        let scale = TickScale(measuringForMilliseconds: 10)
        let (time, tick) = (SystemClock.monotonicNanoseconds, SystemClock.ticks)
        while SystemClock.monotonicNanoseconds - time < 20_000_000 {}
        let measured = Double(scale.nanoseconds(SystemClock.ticks - tick))
        let real = Double(SystemClock.monotonicNanoseconds - time)
        #expect(abs(measured - real) / real < 0.02)
        #expect(SystemClock.wallMilliseconds > 1_704_067_200_000)
    }

    @Test("A file is replaced whole, and reads back")
    func files() throws {
        let path = "/tmp/a2-files-\(ProcessFacts.id)-\(Entropy.seed)"
        defer { unlink(path) }
        let long = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        for contents in [[1, 2, 3], [], long] as [[UInt8]] {
            try Files.replace(path, with: contents, permissions: 0o600)
            #expect(try Files.read(path) == contents)
        }
        let missing = #expect(throws: SystemError.self) { _ = try Files.read(path + "/nothing") }
        #expect(missing?.reason == "Not a directory")
    }

    @Test("systemd gets what it is told, over a path and over an abstract name", arguments: [true, false])
    func notify(isAbstract: Bool) throws {
        let name = "/tmp/a2-notify-\(ProcessFacts.id)-\(Entropy.seed)"
        let receiver = Descriptor(owning: socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            path.copyBytes(from: (isAbstract ? "\0" + name : name).utf8)
        }
        let length = MemoryLayout<sa_family_t>.size + name.utf8.count + 1
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(receiver.number, $0, socklen_t(length))
            }
        }
        try #require(bound == 0)
        defer { if !isAbstract { unlink(name) } }

        let environment = ["NOTIFY_SOCKET": isAbstract ? "@" + name : name, "WATCHDOG_USEC": "3000000"]
        let notify = SystemNotify(environment: environment)
        #expect(notify.watchdogIntervalMilliseconds == 1500)
        #expect(notify.send(.ready, .status("serving\nREADY=0")))
        var space = [UInt8](repeating: 0, count: 100)
        let count = recv(receiver.number, &space, 100, 0)
        #expect(String(decoding: space.prefix(max(count, 0)), as: UTF8.self) == "READY=1\nSTATUS=serving READY=0")
    }

    @Test("Outside systemd nothing is sent, another process' watchdog is not ours")
    func notifyNobody() {
        #expect(!SystemNotify(environment: [:]).send(.ready))
        let other = SystemNotify(environment: ["WATCHDOG_USEC": "100", "WATCHDOG_PID": "1"])
        #expect(other.watchdogIntervalMilliseconds == nil)
    }

    @Test("A thread has its name and runs its body once")
    func threads() throws {
        let holder = Guarded()
        try Thread.start(name: "a2-loop-with-a-long-name", core: 0) {
            let name = (try? Files.read("/proc/thread-self/comm")) ?? []
            holder.lock.withLock { holder.names.append(String(decoding: name.dropLast(), as: UTF8.self)) }
        }.join()
        #expect(holder.names == ["a2-loop-with-a-"])
        #expect(Thread.coreCount >= 1)
    }

    @Test("The process knows itself")
    func facts() {
        #expect(ProcessFacts.systemName.hasPrefix("Linux "))
        #expect(ProcessFacts.executablePath.hasPrefix("/"))
        #expect(ProcessFacts.residentBytes > 1 << 20)
        #expect(ProcessFacts.physicalMemoryBytes > ProcessFacts.residentBytes)
        #expect(ProcessFacts.raiseDescriptorLimit(to: 64) >= 64)
        #expect(ProcessFacts.cpuTimes.userMicroseconds > 0)
        #expect(Environment.all["PATH"] != nil)
        #expect(Entropy.seed != Entropy.seed)
    }
}

private final class Guarded: @unchecked Sendable {
    let lock = Lock()
    var names: [String] = []
}
