/// What operators and the service manager ask of a running node: read the settings again, write them back, follow
/// a moved log file, say that it lives and why it goes. Used by the main thread alone.
import Base
import Commands
import OS
import Options
import Synchronization

final class Operations {
    let shared: Shared
    private let logger: Logger
    private let notify: SystemNotify
    private var launch: Launch
    /// The settings as last read, with the password in place: what a later reading is compared with.
    private var loaded: Settings
    /// "127.0.0.1:6379" and so on.
    private let addresses: [String]
    /// Those of the peer port.
    private let peerAddresses: [String]
    private let startMilliseconds = SystemClock.monotonicMilliseconds
    private var watch: LoopWatch
    private var nextBeatMilliseconds: Int64

    init(
        _ launch: Launch, loaded: Settings, shared: Shared, addresses: [String], peerAddresses: [String],
        notify: SystemNotify
    ) {
        self.launch = launch
        self.loaded = loaded
        self.shared = shared
        self.addresses = addresses
        self.peerAddresses = peerAddresses
        self.notify = notify
        logger = shared.logger
        let now = SystemClock.monotonicMilliseconds
        watch = LoopWatch(loopCount: shared.counters.count, nowMilliseconds: now)
        nextBeatMilliseconds = now
    }

    // MARK: Start and end

    func announceStart() {
        let settings = shared.node.settings
        warnIfExposed()
        logger.notice(
            "serving",
            [
                "version": .text(Version.number), "pid": .number(Int(ProcessFacts.id)),
                "node": .text(settings.nodeName), "addresses": .text(addresses.joined(separator: " ")),
                "peer-addresses": .text(peerAddresses.joined(separator: " ")),
                "threads": .number(shared.counters.count), "maxmemory": .number(settings.integer(.maxmemory)),
                "maxclients": .number(settings.integer(.maxclients)),
                "config": .text(launch.configurationPath ?? "none"),
            ])
        notify.send(.ready, .status("serving on " + addresses.joined(separator: ", ")))
    }

    private func warnIfExposed() {
        if let warning = Exposure(addresses: addresses, settings: shared.node.settings).warning {
            logger.warning(warning.text, ["addresses": .text(warning.addresses.joined(separator: " "))])
        }
    }

    func announceShutdown(_ reason: String) {
        notify.send(.stopping)
        logger.notice(
            "shutting down",
            ["reason": .text(reason), "clients": .number(shared.clientCount.load(ordering: .relaxed))])
    }

    /// `sinceMilliseconds`, monotonic, is when the shutdown began.
    func announceEnd(_ reason: String, sinceMilliseconds: Int64) {
        let now = SystemClock.monotonicMilliseconds
        let clients = shared.clientCount.load(ordering: .relaxed)
        let fields: KeyValuePairs<String, LogField> = [
            "reason": .text(reason), "duration-ms": .number(Int(now - sinceMilliseconds)),
            "uptime-s": .number(Int((now - startMilliseconds) / 1000)), "clients-cut-off": .number(clients),
        ]
        if clients > 0 { logger.warning("stopped", fields) } else { logger.notice("stopped", fields) }
    }

    // MARK: Settings

    /// SIGHUP: takes over what the sources say differently than when they were last read, so that what CONFIG SET
    /// has changed meanwhile stands until its source changes too. A source that cannot be read changes nothing.
    func reload() {
        notify.send(.reloading(monotonicMicroseconds: SystemClock.monotonicNanoseconds / 1000))
        defer { notify.send(.ready) }
        do {
            let fresh = try launch.reloaded()
            let settings = try fresh.effectiveSettings()
            let differing = OptionTable.rows.map(\.option).filter { $0.isReloadable && settings[$0] != loaded[$0] }
            let changed = try shared.node.reload(differing, from: settings)
            launch = fresh
            loaded = settings
            logReload(changed)
        } catch {
            let reason = (error as? ChangeError)?.reply ?? "\(error)"
            logger.error("the configuration was not reloaded, the old one stays", ["reason": .text(reason)])
        }
    }

    private func logReload(_ changed: [Option]) {
        let running = shared.node.settings
        let waiting = OptionTable.rows.filter {
            !$0.option.isReloadable && !$0.isCommandLineOnly && loaded[$0.option] != running[$0.option]
        }
        if !waiting.isEmpty {
            logger.warning(
                "these options take effect with the next start",
                ["options": .text(waiting.map(\.name).joined(separator: ", "))])
        }
        if changed.contains(where: { [.requirepass, .passwordFile, .protectedMode].contains($0) }) { warnIfExposed() }
        let names = changed.map { $0.row.isSecret ? $0.name : "\($0.name)=\(running[$0].text)" }
        logger.notice(
            "configuration reloaded",
            [
                "config": .text(launch.configurationPath ?? "none"),
                "changed": .text(names.isEmpty ? "nothing" : names.joined(separator: ", ")),
            ])
    }

    /// CONFIG REWRITE for everybody who has asked for it. Here, because a loop does not wait for a disk
    /// whose answer its clients do not wait for.
    func rewriteConfiguration() {
        for asker in shared.takeRewriteRequests() {
            shared.mailboxes[asker.loop].post(.configurationRewritten(asker, failure: rewriteOnce()))
        }
    }

    /// What CONFIG SET has not touched is written as its source has it: neither the password of password-file nor
    /// a maxclients that had to be lowered belongs in the file.
    private func rewriteOnce() -> String? {
        guard let path = launch.configurationPath else { return "ERR The server is running without a config file" }
        let running = shared.node.settings
        var settings = launch.settings
        for option in Option.allCases where running.source(of: option) == .configSet {
            settings.set(option, running[option], from: .configSet)
        }
        do {
            try launch.rewriteConfiguration(with: settings)
        } catch {
            logger.error("the configuration file was not rewritten", ["reason": "\(error)"])
            return "ERR Rewriting config file: \(error)"
        }
        // What the file says now is what the next SIGHUP compares with; a password file that has gone is its affair.
        if let fresh = try? launch.reloaded(), let settings = try? fresh.effectiveSettings() {
            launch = fresh
            loaded = settings
        }
        logger.notice("configuration file rewritten", ["config": .text(path)])
        return nil
    }

    // MARK: The log, the watchdog

    /// SIGUSR1.
    func reopenLog() {
        do throws(SystemError) {
            try logger.reopen()
            logger.notice("log file reopened")
        } catch {
            logger.error("the log file was not reopened", ["reason": .text(error.description)])
        }
    }

    /// Tells the service manager's watchdog that every loop turns; says nothing while one does not. Returns when
    /// to be called again, nil for never.
    func beat(nowMilliseconds now: Int64) -> Int64? {
        guard let interval = notify.watchdogIntervalMilliseconds, notify.isSupervised else { return nil }
        if now < nextBeatMilliseconds { return nextBeatMilliseconds }
        nextBeatMilliseconds = now + Int64(interval)
        // Before the turns: who is back has turned.
        let atDisk = shared.counters.indices.filter { shared.counters[$0].isAtDisk.load(ordering: .acquiring) }
        let turns = shared.counters.map { $0.turns.load(ordering: .relaxed) }
        let wasStalled = watch.isStalled
        let stalled = watch.look(turns, excusing: Set(atDisk), nowMilliseconds: now)
        // A loop that has served its last client at the end turns no more.
        if stalled.isEmpty || shared.isDraining.load(ordering: .relaxed) {
            notify.send(.watchdog)
        } else if !wasStalled {
            let names = stalled.map { "a2-loop-\($0)" }.joined(separator: ", ")
            logger.error("loops stand still, the watchdog is not answered", ["loops": .text(names)])
        }
        return nextBeatMilliseconds
    }
}

extension Option {
    /// Whether a new value takes effect without a restart.
    fileprivate var isReloadable: Bool { row.isChangeable || self == .passwordFile }
}

extension Launch {
    /// The settings with one place for the password, whichever way it was given: CONFIG SET requirepass changes it.
    func effectiveSettings() throws(SettingsError) -> Settings {
        var result = settings
        result.set(.requirepass, .text(try password() ?? ""), from: settings.source(of: .requirepass))
        return result
    }
}
