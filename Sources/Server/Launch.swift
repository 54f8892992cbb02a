/// How a node was started: its settings, and what it takes to read them again or write them back.
import OS
import Options

public struct Launch: Sendable {
    public let settings: Settings
    /// Names that were ignored, to be logged.
    public let warnings: [String]
    /// The file read, nil when there was none.
    public let configurationPath: String?
    private let flags: [FlagValue]
    private let environment: [String: String]

    /// Reads the file that flags or variables name, or the first of the usual ones that exists.
    public init(flags: [FlagValue], environment: [String: String]) throws(SettingsError) {
        let named = flags.last { $0.option == .config }?.value
        let candidates = ConfigurationFile.candidates(flag: named, environment: environment)
        var file: ConfigurationFile?
        for path in candidates.paths where file == nil {
            file = try Self.read(path, mustExist: candidates.mustExist)
        }
        let loaded = try Settings.load(flags: flags, environment: environment, file: file)
        settings = loaded.settings
        warnings = loaded.warnings
        configurationPath = file?.path
        self.flags = flags
        self.environment = environment
    }

    private static func read(_ path: String, mustExist: Bool) throws(SettingsError) -> ConfigurationFile? {
        let contents: [UInt8]
        do { contents = try Files.read(path) } catch {
            // No such file, or a directory that cannot hold one.
            if !mustExist, error.errno == 2 || error.errno == 20 { return nil }
            throw SettingsError(place: path, message: "cannot be read: \(error.reason)")
        }
        guard let text = String(validating: contents, as: UTF8.self) else {
            throw SettingsError(place: path, message: "is not UTF-8")
        }
        return ConfigurationFile(path: path, text: text)
    }

    /// The same sources read again: what SIGHUP asks for.
    public func reloaded() throws(SettingsError) -> Launch { try Launch(flags: flags, environment: environment) }

    /// The password clients must give, nil for none: requirepass, or the first line of password-file.
    public func password() throws(SettingsError) -> String? {
        let given = settings.text(.requirepass)
        if !given.isEmpty { return given }
        let path = settings.text(.passwordFile)
        guard !path.isEmpty, let file = try Self.read(path, mustExist: true) else { return nil }
        // Bytes, because Swift takes CR LF for one character.
        let line = file.text.utf8.prefix { $0 != UInt8(ascii: "\n") }
        let password = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        if password.isEmpty { throw SettingsError(place: path, message: "its first line must be a password") }
        return String(password)
    }

    /// CONFIG REWRITE: writes `settings` back to the file that was read.
    public func rewriteConfiguration(with settings: Settings) throws(SettingsError) {
        guard let path = configurationPath, let file = try Self.read(path, mustExist: true) else {
            throw SettingsError(place: "CONFIG REWRITE", message: "The server is running without a config file")
        }
        let text = try file.rewritten(with: settings)
        do { try Files.replace(path, with: Array(text.utf8)) } catch {
            throw SettingsError(place: path, message: "cannot be written: \(error.reason)")
        }
    }
}
