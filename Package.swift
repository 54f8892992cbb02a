// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// The layers, bottom up. An arrow means "may import"; Tests/TidyTests enforces it, because SwiftPM does not.
///
///     a2 → Server Bench Console Offline
///     Server → Core Storage Options     Offline → Core Storage Client     Storage → Wire OS
///     Bench → Client Options            Console → Commands Client CEdit   Client → RESP OS Options
///     OS → Base CLinux
///     ──── below: no syscalls, no clock, no entropy, no Foundation, no async ────
///     Core → Commands Wire      Commands → Engine RESP Replication Options      Engine → CRDT
///     Wire → CRDT Replication   CRDT RESP Replication Options → Base → CIntrinsics
let threadSanitizer = ProcessInfo.processInfo.environment["A2_THREAD_SANITIZER"] != nil

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
        // One request crosses five modules: without this the calls between them do not inline.
        .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
        // ThreadSanitizer does not see the futex inside Synchronization.Mutex: OS/Lock becomes a pthread mutex.
    ] + (threadSanitizer ? [.define("A2_THREAD_SANITIZER")] : [])

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

let package = Package(
    name: "a2",
    products: [.executable(name: "a2", targets: ["a2"])],
    targets: [
        .target(name: "CIntrinsics"),
        .target(name: "CLinux"),
        module("Base", ["CIntrinsics"]),
        module("CRDT", ["Base"]),
        module("RESP", ["Base"]),
        module("Replication", ["Base", "CIntrinsics"]),
        module("Options", ["Base"]),
        module("Wire", ["Base", "CRDT", "Replication"]),
        module("Engine", ["Base", "CIntrinsics", "CRDT"]),
        module("Commands", ["Base", "CIntrinsics", "CRDT", "Replication", "Engine", "RESP", "Options"]),
        module("Core", ["Base", "CRDT", "Replication", "RESP", "Engine", "Commands", "Wire"]),
        module("OS", ["Base", "CLinux"]),
        module("Storage", ["Base", "CIntrinsics", "Wire", "OS"]),
        module("Client", ["Base", "RESP", "OS", "Options"]),
        module("Bench", ["Base", "RESP", "OS", "Options", "Client"]),
        .target(name: "CEdit", linkerSettings: [.linkedLibrary("edit")]),
        module("Console", ["Base", "RESP", "OS", "Options", "Commands", "Client", "CEdit"]),
        module(
            "Offline",
            [
                "Base", "CRDT", "Replication", "RESP", "Engine", "Commands", "Core", "Wire", "OS", "Options", "Storage",
                "Client",
            ]),
        module(
            "Server",
            [
                "Base", "CRDT", "Replication", "RESP", "Engine", "Commands", "Core", "Wire", "OS", "Options", "Storage",
                "CLinux",
            ]),
        .executableTarget(
            name: "a2",
            dependencies: ["Base", "Commands", "OS", "Options", "Server", "Bench", "Console", "Offline"],
            swiftSettings: settings),

        // Drives real processes; shared by every test target that does.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["Base", "Options", "TestSupport"],
            exclude: [
                "IntendedDifferences.md", "clients.py", "crashes.py", "full_disk.c", "lossy_disk.c", "set_clock.c",
                "still_disk.c",
            ],
            swiftSettings: settings),
        .target(
            name: "Simulator",
            dependencies: ["Base", "CRDT", "Replication", "RESP", "Engine", "Commands", "Core", "Wire", "Storage"],
            path: "Tests/Simulator", swiftSettings: settings),

        tests("BaseTests", ["Base", "CIntrinsics"]),
        tests("OSTests", ["Base", "OS"]),
        tests("StorageTests", ["Base", "CIntrinsics", "Replication", "Wire", "OS", "Storage", "Simulator"]),
        tests("ClientTests", ["Base", "RESP", "OS", "Options", "Client", "TestSupport"]),
        tests("BenchTests", ["Base", "RESP", "OS", "Options", "Client", "Bench", "TestSupport"]),
        tests("ConsoleTests", ["Base", "RESP", "OS", "Options", "Commands", "Client", "Console", "TestSupport"]),
        tests(
            "OfflineTests",
            [
                "Base", "CRDT", "Replication", "RESP", "Engine", "Commands", "Core", "Wire", "OS", "Options", "Storage",
                "Client", "Offline", "TestSupport",
            ]),
        tests("RESPTests", ["Base", "RESP"]),
        tests("EngineTests", ["Base", "CRDT", "Engine"]),
        tests("CRDTTests", ["Base", "CRDT"]),
        tests(
            "CommandsTests",
            ["Base", "CRDT", "RESP", "Replication", "Engine", "Options", "Commands", "Core"]),
        tests("OptionsTests", ["Base", "Options"]),
        tests(
            "ServerTests",
            ["Base", "Replication", "RESP", "Engine", "Commands", "Core", "OS", "Options", "Server", "TestSupport"]),
        tests("TidyTests", ["Base", "Commands"]),
        tests("ReplicationTests", ["Base", "Replication"]),
        tests("WireTests", ["Base", "CRDT", "Wire"]),
        tests(
            "SimulatorTests",
            [
                "Base", "CRDT", "Replication", "RESP", "Engine", "Commands", "Core", "Wire", "Storage", "Simulator",
                "TestSupport",
            ]),
    ]
)
