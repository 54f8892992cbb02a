/// The values of a dump: strings are read, everything else is stepped over in its own format.
import Base

extension RDBReader {
    func readValue(_ type: UInt8) throws(ToolFailure) -> RDBItem {
        switch type {
        case 0:
            value.removeAll()
            try readString(into: &value)
            return .string
        case 1: return try skipStrings(1, "list")
        case 2: return try skipStrings(1, "set")
        case 3: return try skipSortedSet(hasBinaryScores: false)
        case 4: return try skipStrings(2, "hash")
        case 5: return try skipSortedSet(hasBinaryScores: true)
        case 7:
            _ = try length()
            try skipModuleValues()
            return .skipped("module value")
        case 9, 13, 16: return try skipBlob("hash")
        case 10: return try skipBlob("list")
        case 11, 20: return try skipBlob("set")
        case 12, 17: return try skipBlob("sorted set")
        case 14: return try skipStrings(1, "list")
        case 18:
            try repeated(try length()) { () throws(ToolFailure) in
                _ = try length()
                try skipString()
            }
            return .skipped("list")
        case 15, 19, 21: return try skipStream(type)
        case 22 where isValkey: return try skipHash { () throws(ToolFailure) in try source.skip(8) }
        case 22, 24:
            if type == 24 { try source.skip(8) }
            try repeated(try length()) { () throws(ToolFailure) in
                _ = try length()
                try skipString()
                try skipString()
            }
            return .skipped("hash")
        case 23 where !isValkey: return try skipBlob("hash")
        case 25 where !isValkey:
            try source.skip(8)
            return try skipBlob("hash")
        default: throw damaged("a value of type \(type), which this build does not know")
        }
    }

    /// The count comes from outside: each round reads at least a byte, so the input's end bounds it.
    private func repeated(_ count: UInt64, _ body: () throws(ToolFailure) -> Void) throws(ToolFailure) {
        var left = count
        while left > 0 {
            try body()
            left -= 1
        }
    }

    private func skipBlob(_ name: String) throws(ToolFailure) -> RDBItem {
        try skipString()
        return .skipped(name)
    }

    private func skipStrings(_ each: Int, _ name: String) throws(ToolFailure) -> RDBItem {
        try repeated(try length()) { () throws(ToolFailure) in for _ in 0..<each { try skipString() } }
        return .skipped(name)
    }

    /// Valkey's hashes whose fields may expire.
    private func skipHash(_ more: () throws(ToolFailure) -> Void) throws(ToolFailure) -> RDBItem {
        try repeated(try length()) { () throws(ToolFailure) in
            try skipString()
            try skipString()
            try more()
        }
        return .skipped("hash")
    }

    private func skipSortedSet(hasBinaryScores: Bool) throws(ToolFailure) -> RDBItem {
        try repeated(try length()) { () throws(ToolFailure) in
            try skipString()
            if hasBinaryScores { return try source.skip(8) }
            let count = try source.byte()
            // 253 to 255: not a number and the infinities.
            if count < 253 { try source.skip(Int(count)) }
        }
        return .skipped("sorted set")
    }

    /// Values of a module as it wrote them, up to their end mark.
    func skipModuleValues() throws(ToolFailure) {
        while true {
            switch try length() {
            case 0: return
            case 1, 2: _ = try length()
            case 3: try source.skip(4)
            case 4: try source.skip(8)
            case 5: try skipString()
            case let code: throw damaged("a module's value of unknown kind \(code)")
            }
        }
    }

    private func skipLengths(_ count: Int) throws(ToolFailure) {
        for _ in 0..<count { _ = try length() }
    }

    private func skipStream(_ type: UInt8) throws(ToolFailure) -> RDBItem {
        try repeated(try length()) { () throws(ToolFailure) in
            try skipString()
            try skipString()
        }
        // Length and last id; then first id, highest deleted id and entries added.
        try skipLengths(type >= 19 ? 8 : 3)
        try repeated(try length()) { () throws(ToolFailure) in
            try skipString()
            try skipLengths(type >= 19 ? 3 : 2)
            try repeated(try length()) { () throws(ToolFailure) in
                try source.skip(24)
                _ = try length()
            }
            try repeated(try length()) { () throws(ToolFailure) in
                try skipString()
                try source.skip(type >= 21 ? 16 : 8)
                try repeated(try length()) { () throws(ToolFailure) in try source.skip(16) }
            }
        }
        return .skipped("stream")
    }
}
