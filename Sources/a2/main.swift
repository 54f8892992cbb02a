import Glibc
import Server

exit(
    ServerMain.run(
        port: UInt16(CommandLine.arguments.dropFirst().first ?? "7777") ?? 7777,
        threads: Int(CommandLine.arguments.dropFirst(2).first ?? "1") ?? 1))
