import OS

public enum ServerMain {
    public static func run(port: UInt16, threads: Int) -> Int32 {
        do {
            var settings = RuntimeSettings()
            settings.port = port
            settings.threads = threads
            let runtime = try Runtime(settings)
            try runtime.start()
            return runtime.waitForTheEnd(onHangUp: {}, onUserOne: {})
        } catch {
            print(error)
            return 3
        }
    }
}
