/// Where a node starts: settings become a running process, and its end an exit status.
import OS
import Options

public enum ServerMain {
    /// Serves until told to stop, and returns the exit status.
    public static func run(_ launch: Launch) -> Int32 {
        let settings = launch.settings
        do {
            let path = settings.text(.logFile)
            let logger = try Logger(
                level: LogLevel(named: settings.text(.logLevel)) ?? .notice, format: settings.text(.logFormat),
                path: path.isEmpty ? nil : path)
            for warning in launch.warnings { logger.warning(warning) }
            if !settings.flag(.ephemeral) {
                logger.warning("nothing is persisted: data lives in memory only; --ephemeral says that this is meant")
            }
            return try serve(settings, path: launch.configurationPath, password: launch.password(), logger)
        } catch let error as SettingsError {
            Terminal.printError("a2: \(error)\n")
            return ExitStatus.configuration
        } catch {
            Terminal.printError("a2: \(error)\n")
            return ExitStatus.network
        }
    }

    private static func serve(
        _ settings: Settings, path: String?, password: String?, _ logger: Logger
    ) throws(SystemError) -> Int32 {
        var chosen = RuntimeSettings()
        chosen.addresses = settings.list(.bind)
        chosen.port = UInt16(settings.integer(.port))
        chosen.backlog = settings.integer(.tcpBacklog)
        chosen.nodeNumber = UInt8(settings.integer(.nodeID))
        chosen.threads = settings.integer(.threads) == 0 ? Thread.coreCount : settings.integer(.threads)
        chosen.databases = settings.integer(.databases)
        chosen.windowBytes = settings.integer(.windowBytes)
        chosen.limits = ConnectionLimits(settings, password: password)
        chosen.options = settings
        // One place for the password, whichever way it was given: CONFIG SET requirepass changes it.
        chosen.options.set(.requirepass, .text(password ?? ""), from: settings.source(of: .requirepass))
        chosen.configurationPath = path
        let runtime = try Runtime(chosen)
        let notify = SystemNotify()
        try runtime.start()
        logger.notice(
            "serving",
            ["node": .text(settings.nodeName), "port": .number(Int(chosen.port)), "threads": .number(chosen.threads)])
        notify.send(.ready)
        let status = runtime.waitForTheEnd(
            onHangUp: {},
            onUserOne: {
                do throws(SystemError) { try logger.reopen() } catch {
                    logger.error("the log file was not reopened", ["reason": .text(error.description)])
                }
            })
        notify.send(.stopping)
        return status
    }
}

extension ConnectionLimits {
    /// What of the settings concerns connections: at the start, and again after CONFIG SET.
    init(_ settings: Settings, password: String?) {
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
        self.password = Array((password ?? "").utf8)
        isProtected = settings.flag(.protectedMode)
        ticksPerSecond = settings.integer(.hz)
    }
}
