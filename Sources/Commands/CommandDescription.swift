/// What follows from a row without being written in it: Redis' names of its flags, its ACL categories, its
/// key specs as COMMAND INFO tells them.
import Base
import RESP

extension CommandFlags {
    /// In the order in which Redis lists them.
    static let names: [(flag: CommandFlags, name: StaticString)] = [
        (.write, "write"), (.readOnly, "readonly"), (.denyOutOfMemory, "denyoom"), (.admin, "admin"),
        (.pubsub, "pubsub"), (.noScript, "noscript"), (.blocking, "blocking"), (.loading, "loading"),
        (.stale, "stale"), (.skipMonitor, "skip_monitor"), (.skipSlowLog, "skip_slowlog"), (.fast, "fast"),
        (.noAuth, "no_auth"), (.mayReplicate, "may_replicate"), (.sentinelOnly, "only_sentinel"),
        (.noAsyncLoading, "no_async_loading"), (.noMulti, "no_multi"), (.movableKeys, "movablekeys"),
        (.allowBusy, "allow_busy"),
    ]
}

/// ACL categories, in Redis' order.
enum CommandCategory: String, CaseIterable {
    case keyspace, read, write, set, sortedset, list, hash, string, bitmap, hyperloglog, geo, stream, pubsub
    case admin, fast, slow, blocking, dangerous, connection, transaction, scripting

    var text: String { "@" + rawValue }

    init?(named name: ByteView) {
        for category in Self.allCases where category.rawValue.withBytes({ name.equalsIgnoringCase($0) }) {
            self = category
            return
        }
        return nil
    }
}

extension Command {
    /// What holds subcommands and is nothing by itself belongs to no group.
    private var onlyContains: Bool { !subcommands.isEmpty && arity == -2 }

    private var groupCategory: CommandCategory? {
        switch group.description {
        case "generic": .keyspace
        case "sorted-set": .sortedset
        case "transactions": .transaction
        case "server", "cluster", "a2": nil
        case let name: CommandCategory(rawValue: name)
        }
    }

    /// The categories of the command, in Redis' order.
    var aclCategories: [CommandCategory] {
        var found: [CommandCategory] = []
        let named = categories.description.split(separator: " ").compactMap {
            CommandCategory(rawValue: String($0.drop { $0 == "@" }))
        }
        found += named
        // A row that names its data types itself does not belong to its group's: SORT, WAIT.
        if !onlyContains, !named.contains(where: { $0 != .dangerous && $0 != .admin }), let groupCategory {
            found.append(groupCategory)
        }
        if flags.contains(.write) { found.append(.write) }
        if flags.contains(.readOnly), groupCategory != .scripting { found.append(.read) }
        if flags.contains(.admin) { found += [.admin, .dangerous] }
        if flags.contains(.pubsub) { found.append(.pubsub) }
        if flags.contains(.blocking) { found.append(.blocking) }
        found.append(flags.contains(.fast) ? .fast : .slow)
        return CommandCategory.allCases.filter { found.contains($0) }
    }

    /// The ten elements of COMMAND INFO.
    func describe(into reply: inout ReplyWriter) {
        reply.array(10)
        reply.bulk(fullName)
        reply.integer(arity)
        let names = CommandFlags.names.filter { flags.contains($0.flag) }
        reply.set(names.count)
        for (_, name) in names { reply.simple(name) }
        reply.integer(firstKey)
        reply.integer(lastKey)
        reply.integer(keyStep)
        let categories = aclCategories
        reply.set(categories.count)
        for category in categories { category.text.withBytes { reply.simple($0) } }
        let tips = tips.description.split(separator: " ")
        reply.set(tips.count)
        for tip in tips { reply.bulk(String(tip)) }
        reply.set(keys.count)
        for spec in keys { spec.describe(into: &reply) }
        // A set as long as it is empty, in Redis' own words.
        if subcommands.isEmpty { reply.set(0) } else { reply.array(subcommands.count) }
        for row in subcommands { row.describe(into: &reply) }
    }
}

extension KeySpec {
    /// Redis spells the access in capitals and the rest in small letters.
    var flagNames: [String] {
        flags.description.split(separator: " ").map { word in
            ["RW", "RO", "OW", "RM"].contains(String(word)) ? String(word) : word.lowercased()
        }
    }

    func describe(into reply: inout ReplyWriter) {
        reply.map(3)
        reply.bulk("flags")
        let names = flagNames
        reply.set(names.count)
        for name in names { name.withBytes { reply.simple($0) } }
        reply.bulk("begin_search")
        reply.map(2)
        reply.bulk("type")
        reply.bulk("index")
        reply.bulk("spec")
        reply.map(1)
        reply.bulk("index")
        reply.integer(first)
        reply.bulk("find_keys")
        reply.map(2)
        reply.bulk("type")
        reply.bulk("range")
        reply.bulk("spec")
        reply.map(3)
        reply.bulk("lastkey")
        // Redis counts from the first key.
        reply.integer(last < 0 ? last : last - first)
        reply.bulk("keystep")
        reply.integer(step)
        reply.bulk("limit")
        reply.integer(0)
    }
}

// MARK: COMMAND DOCS

extension Command {
    func document(into reply: inout ReplyWriter) {
        let arguments = ArgumentSyntax.arguments(of: self)
        reply.map(4 + (arguments.isEmpty ? 0 : 1) + (subcommands.isEmpty ? 0 : 1) + (conflict.isEmpty ? 0 : 1))
        reply.bulk("summary")
        reply.bulk(summary)
        reply.bulk("since")
        reply.bulk(since)
        reply.bulk("group")
        reply.bulk(group)
        reply.bulk("complexity")
        reply.bulk(complexity)
        if !conflict.isEmpty {
            reply.bulk("conflict")
            reply.bulk(conflict)
        }
        if !arguments.isEmpty {
            reply.bulk("arguments")
            reply.array(arguments.count)
            for argument in arguments { argument.document(into: &reply) }
        }
        if !subcommands.isEmpty {
            reply.bulk("subcommands")
            reply.map(subcommands.count)
            for row in subcommands {
                reply.bulk(row.fullName)
                row.document(into: &reply)
            }
        }
    }
}

extension StaticString {
    var isEmpty: Bool { utf8CodeUnitCount == 0 }
}

extension ArgumentNode {
    private var isGroup: Bool { kind == .oneof || kind == .block }

    private var flagNames: [StaticString] {
        (isOptional ? ["optional"] : []) + (isMultiple ? ["multiple"] : []) + (repeatsToken ? ["multiple_token"] : [])
    }

    func document(into reply: inout ReplyWriter) {
        let flags = flagNames
        reply.map(
            2 + (isGroup ? 0 : 1) + (keySpecIndex == nil ? 0 : 1) + (token == nil ? 0 : 1) + (flags.isEmpty ? 0 : 1)
                + (children.isEmpty ? 0 : 1))
        reply.bulk("name")
        reply.bulk(name)
        reply.bulk("type")
        reply.bulk(kind.rawValue)
        if !isGroup {
            reply.bulk("display_text")
            reply.bulk(name)
        }
        if let keySpecIndex {
            reply.bulk("key_spec_index")
            reply.integer(keySpecIndex)
        }
        if let token {
            reply.bulk("token")
            reply.bulk(token)
        }
        if !flags.isEmpty {
            reply.bulk("flags")
            // redis-cli asserts that these are simple strings.
            reply.set(flags.count)
            for flag in flags { reply.simple(flag) }
        }
        if !children.isEmpty {
            reply.bulk("arguments")
            reply.array(children.count)
            for child in children { child.document(into: &reply) }
        }
    }
}
