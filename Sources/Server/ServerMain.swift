/// Where a node starts: settings become a running process, and its end an exit status.
import OS
import Options

public enum ServerMain {
    /// Serves until told to stop, and returns the exit status.
    public static func run(_ launch: Launch) -> Int32 {
        let logger: Logger
        do {
            logger = try makeLogger(launch.settings)
        } catch {
            Terminal.printError("a2: log-file: \(error)\n")
            return ExitStatus.configuration
        }
        do {
            let peers = try launch.peerOptions()
            for warning in launch.warnings + peers.warnings { logger.warning(warning) }
            return try serve(launch, peers, logger)
        } catch {
            logger.error("not started", ["reason": "\(error)"])
            // Whoever started it by hand looks at the terminal, not at a file.
            if !launch.settings.text(.logFile).isEmpty { Terminal.printError("a2: \(error)\n") }
            if let failure = error as? StoreFailure { return failure.exitStatus }
            return error is SettingsError ? ExitStatus.configuration : ExitStatus.network
        }
    }

    private static func makeLogger(_ settings: Settings) throws(SystemError) -> Logger {
        let path = settings.text(.logFile)
        return try Logger(
            level: LogLevel(named: settings.text(.logLevel)) ?? .notice, format: settings.text(.logFormat),
            path: path.isEmpty ? nil : path)
    }

    private static func serve(_ launch: Launch, _ peers: PeerOptions, _ logger: Logger) throws -> Int32 {
        let loaded = try launch.effectiveSettings()
        let loopCount = loaded.integer(.threads) == 0 ? Thread.coreCount : loaded.integer(.threads)
        let settings = try fitted(loaded, loopCount: loopCount, logger)
        var chosen = RuntimeSettings()
        chosen.addresses = settings.list(.bind)
        chosen.port = UInt16(settings.integer(.port))
        chosen.peers = peers
        chosen.backlog = settings.integer(.tcpBacklog)
        chosen.nodeNumber = UInt8(settings.integer(.nodeID))
        chosen.threads = loopCount
        chosen.databases = settings.integer(.databases)
        // Positions in it are cut out of numbers that only grow.
        chosen.windowBytes = 1 << (Int.bitWidth - (settings.integer(.windowBytes) - 1).leadingZeroBitCount)
        chosen.options = settings
        chosen.configurationPath = launch.configurationPath
        if !settings.flag(.ephemeral) { chosen.store = try Store.open(settings, logger) }
        let runtime = try Runtime(chosen, logger)
        try runtime.recover()
        let operations = Operations(
            launch, loaded: loaded, shared: runtime.shared, addresses: runtime.addresses,
            peerAddresses: runtime.peerAddresses, notify: SystemNotify())
        try runtime.start()
        operations.announceStart()
        return runtime.waitForTheEnd(operations)
    }

    /// The settings with as many clients as the limit of open files allows.
    private static func fitted(
        _ settings: Settings, loopCount: Int, _ logger: Logger
    ) throws(SettingsError) -> Settings {
        let wanted = settings.integer(.maxclients)
        let budget = DescriptorBudget(loopCount: loopCount)
        let (clients, limit) = budget.fit(wanted)
        if clients == wanted { return settings }
        guard clients > 0 else {
            throw SettingsError(
                place: "maxclients",
                message: "a limit of \(limit) open files leaves none for clients; raise it above \(budget.reserved), "
                    + "with ulimit -n or systemd's LimitNOFILE")
        }
        logger.warning(
            "maxclients reduced to what the limit of open files allows; raise it with ulimit -n or LimitNOFILE",
            ["wanted": .number(wanted), "maxclients": .number(clients), "open-files": .number(limit)])
        var result = settings
        result.set(.maxclients, .integer(clients), from: settings.source(of: .maxclients))
        return result
    }
}

extension ConnectionLimits {
    /// What of the settings concerns connections: at the start, and again after CONFIG SET.
    init(_ settings: Settings) {
        self.init()
        let output = settings.outputLimits.normal
        clientsMax = settings.integer(.maxclients)
        idleSecondsMax = settings.integer(.timeout)
        keepAliveSeconds = settings.integer(.tcpKeepalive)
        bulkBytesMax = settings.integer(.protoMaxBulkLen)
        queryBufferBytesMax = settings.integer(.clientQueryBufferLimit)
        outputBytesHard = output.hardBytes
        outputBytesSoft = output.softBytes
        outputSoftSeconds = output.softSeconds
        password = Array(settings.text(.requirepass).utf8)
        isProtected = settings.flag(.protectedMode)
        ticksPerSecond = settings.integer(.hz)
    }
}
