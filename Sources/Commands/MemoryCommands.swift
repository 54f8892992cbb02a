/// MEMORY: what keys cost, and all of it together.
import Base
import Engine
import RESP
import Replication
import Synchronization

private let about: StaticString = "nondeterministic_output request_policy:all_shards response_policy:special"

let memoryCommands: [Command] = [
    Command(
        name: "MEMORY", arity: -2, summary: "A container for memory diagnostics commands.", since: "4.0.0",
        group: "server", complexity: "Depends on subcommand.",
        subcommands: [
            Command(
                name: "DOCTOR", arity: 2, summary: "Outputs a memory problems report.", since: "4.0.0",
                group: "server", tips: about, handler: memoryDoctor),
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Returns helpful text about the different subcommands.", since: "4.0.0", group: "server",
                handler: memoryHelp),
            Command(
                name: "MALLOC-STATS", arity: 2, flags: [.walks], summary: "Returns the allocator statistics.",
                since: "4.0.0",
                group: "server", complexity: "Depends on how much memory is allocated, could be slow", tips: about,
                handler: memoryAllocator),
            Command(
                name: "PURGE", arity: 2, summary: "Asks the allocator to release memory.", since: "4.0.0",
                group: "server", complexity: "Depends on how much memory is allocated, could be slow",
                tips: "request_policy:all_shards response_policy:all_succeeded", handler: memoryPurge),
            Command(
                name: "STATS", arity: 2, flags: [.walks], summary: "Returns details about memory usage.",
                since: "4.0.0",
                group: "server", tips: about, handler: memoryStatistics),
            Command(
                name: "USAGE", arity: -3, flags: [.readOnly], keys: [.one("RO", at: 2)],
                arguments: "key [SAMPLES count]", summary: "Estimates the memory usage of a key.", since: "4.0.0",
                group: "server", complexity: "O(N) where N is the number of samples.", handler: memoryUsage),
        ])
]

@Sendable
private func memoryUsage(_ call: inout Invocation) throws(CommandError) {
    var index = 3
    while index < call.arguments.count {
        guard call.arguments.isWord(index, "samples"), index + 1 < call.arguments.count else { throw .syntax }
        guard try call.arguments.integer(index + 1) >= 0 else { throw .syntax }
        index += 2
    }
    guard let description = call.key(2).describe() else { return call.reply.null() }
    // The key's share of its table: a slot, and what stays free.
    call.reply.integer(description.footprintBytes + 10)
}

@Sendable
private func memoryStatistics(_ call: inout Invocation) throws(CommandError) {
    call.effect = .walk(SurveyWalk(call.node) { call, survey in replyMemoryStatistics(&call, survey) })
}

private func replyMemoryStatistics(_ call: inout Invocation, _ survey: KeyspaceSurvey) {
    let readings = call.node.process.readings()
    let memory = call.node.memoryNow()
    let keys = survey.keyCount
    let numbers: [(StaticString, Int)] = [
        ("peak.allocated", memory.peak), ("total.allocated", memory.used),
        ("startup.allocated", 0), ("replication.backlog", call.node.window.capacity), ("clients.slaves", 0),
        ("clients.normal", readings.clientBytes), ("cluster.links", 0), ("aof.buffer", 0), ("lua.caches", 0),
        ("functions.caches", 0), ("overhead.total", call.node.window.capacity + readings.clientBytes),
        ("keys.count", keys), ("keys.bytes-per-key", keys == 0 ? 0 : memory.used / keys),
        ("dataset.bytes", memory.used),
    ]
    call.reply.map(numbers.count + 4)
    for (name, value) in numbers {
        call.reply.bulk(name)
        call.reply.integer(value)
    }
    call.reply.bulk("dataset.percentage")
    call.reply.double(memory.used == 0 ? 0 : 100)
    call.reply.bulk("peak.percentage")
    call.reply.double(memory.peak == 0 ? 0 : Double(memory.used) * 100 / Double(memory.peak))
    call.reply.bulk("fragmentation")
    call.reply.double(memory.used == 0 ? 0 : Double(readings.residentBytes) / Double(memory.used))
    call.reply.bulk("fragmentation.bytes")
    call.reply.integer(readings.residentBytes - memory.used)
}

@Sendable
private func memoryDoctor(_ call: inout Invocation) throws(CommandError) {
    let readings = call.node.process.readings()
    let memory = call.node.memoryNow()
    let limit = call.node.memoryLimitBytes.load(ordering: .relaxed)
    var text = ""
    if memory.used < 5 << 20 {
        text =
            "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n"
    } else {
        if Double(memory.peak) > Double(memory.used) * 1.5 {
            text += " * Peak memory: \(String(humanBytes: memory.peak)), more than 150% of what is in use now.\n"
        }
        let resident = Double(readings.residentBytes)
        if resident > Double(memory.used + call.node.window.capacity) * 1.4 {
            text +=
                " * Resident memory is \(String(humanBytes: readings.residentBytes)) for"
                + " \(String(humanBytes: memory.used)) of data. MEMORY PURGE may give some back.\n"
        }
        if limit > 0, memory.used > limit / 10 * 9 {
            text += " * Data takes more than 90% of maxmemory.\n"
        }
        text =
            text.isEmpty
            ? "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
            : "Sam, I detected a few issues in this Redis instance memory implants:\n\n" + text
    }
    text.withBytes { call.reply.verbatim("txt", $0) }
}

@Sendable
private func memoryAllocator(_ call: inout Invocation) throws(CommandError) {
    call.effect = .walk(
        SurveyWalk(call.node) { call, survey in
            let used = call.node.usedBytes()
            "spans:\(survey.spanBytes) used:\(used) window:\(call.node.window.capacity)\n".withBytes {
                call.reply.verbatim("txt", $0)
            }
        })
}

@Sendable
private func memoryPurge(_ call: inout Invocation) throws(CommandError) {
    call.node.process.releaseMemory()
    call.reply.ok()
}

@Sendable
private func memoryHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
    ])
}
