/// Settings as text: the commented file of defaults, the merged result with its sources, a file rewritten.
import Base

extension OptionRow {
    /// The value as TOML has it; sizes that are whole units in units.
    func literal(_ value: OptionValue) -> String {
        switch value {
        case .flag(let on): return on ? "true" : "false"
        case .integer(let number):
            if case .bytes = kind, number > 0, let sized = Self.sized(number) { return JSONSpelling.quoted(sized) }
            return String(number)
        case .text(let text): return JSONSpelling.quoted(text)
        case .list(let words):
            if kind == .percentiles { return "[" + words.joined(separator: ", ") + "]" }
            return "[" + words.map(JSONSpelling.quoted).joined(separator: ", ") + "]"
        }
    }

    private static func sized(_ bytes: Int) -> String? {
        for (unit, name) in [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")] where bytes % unit == 0 {
            return "\(bytes / unit)\(name)"
        }
        return nil
    }
}

extension Settings {
    /// What `--generate-config` prints: every option, commented out at its default, under its table.
    public static var generatedConfiguration: String {
        var text = """
            # Configuration of a2 serve. Lines commented out show the defaults.
            # Flags win over A2_ variables, those over this file. See a2.toml(5).

            """
        for section in OptionTable.sections {
            text += "\n[\(section)]\n"
            for row in OptionTable.rows where row.section == section && !row.isCommandLineOnly {
                text += "\n# \(row.summary)\n"
                if case .choice(let words) = row.kind { text += "# One of: \(words.joined(separator: ", ")).\n" }
                text += "# \(row.name) = \(row.literal(row.defaultValue))\n"
            }
        }
        return text
    }

    private func shown(_ row: OptionRow) -> OptionValue {
        row.isSecret && self[row.option] != row.defaultValue ? .text("(redacted)") : self[row.option]
    }

    /// What `--check-config` prints: a line of TOML for each option, its source behind it.
    public var report: String {
        var text = ""
        for section in OptionTable.sections {
            text += (text.isEmpty ? "" : "\n") + "[\(section)]\n"
            for row in OptionTable.rows where row.section == section && !row.isCommandLineOnly {
                let line = "\(row.name) = \(row.literal(shown(row)))"
                let gap = String(repeating: " ", count: max(1, 44 - line.count))
                text += line + gap + "# \(source(of: row.option).description)\n"
            }
        }
        return text
    }

    /// The same for programs.
    public var jsonReport: String {
        let lines = OptionTable.rows.filter { !$0.isCommandLineOnly }.map { row in
            let value = shown(row)
            let spelled: String
            switch value {
            case .text(let text): spelled = JSONSpelling.quoted(text)
            case .list(let words): spelled = "[" + words.map(JSONSpelling.quoted).joined(separator: ", ") + "]"
            case .flag(let on): spelled = on ? "true" : "false"
            case .integer(let number): spelled = String(number)
            }
            return "    \(JSONSpelling.quoted(row.name)): {\"value\": \(spelled), "
                + "\"source\": \(JSONSpelling.quoted(source(of: row.option).description))}"
        }
        return "{\n  \"schema_version\": 1,\n  \"options\": {\n" + lines.joined(separator: ",\n") + "\n  }\n}\n"
    }
}

extension ConfigurationFile {
    /// The text CONFIG REWRITE leaves: keys the file has get the values of `settings`, values given by CONFIG
    /// SET that it lacks are added where they belong, all else stays as it was written.
    public func rewritten(with settings: Settings) throws(SettingsError) -> String {
        if isJSON { throw SettingsError(place: path, message: "only a TOML file can be rewritten") }
        let document: TOMLDocument
        do { document = try TOMLDocument.read(text) } catch {
            throw SettingsError(place: "\(path):\(error.line):\(error.column)", message: error.message)
        }
        var edits: [(bytes: Range<Int>, text: String)] = []
        var present = Set<String>()
        for member in document.members {
            let row = try Settings.row(of: member, place: "\(path):\(member.line):\(member.column)")
            present.insert(row.name)
            if (try? row.value(of: member.value)) != settings[row.option] {
                edits.append((member.valueBytes, row.literal(settings[row.option])))
            }
        }
        var sectionsAdded = ""
        for section in OptionTable.sections {
            let missing = OptionTable.rows.filter {
                $0.section == section && !present.contains($0.name) && settings.source(of: $0.option) == .configSet
                    && settings[$0.option] != $0.defaultValue
            }
            if missing.isEmpty { continue }
            let lines = missing.map { "\($0.name) = \($0.literal(settings[$0.option]))" }
            if let table = document.tables.first(where: { $0.path == [section] }) {
                edits.append((table.end..<table.end, lines.map { "\n" + $0 }.joined()))
            } else if document.members.contains(where: { $0.path.count > 1 && $0.path[0] == section }) {
                // The table was made by dotted keys or inline: a header would define it twice.
                let end = document.tables[0].end
                let joined = lines.joined(separator: "\n")
                edits.append((end..<end, end == 0 ? joined + "\n" : "\n" + joined))
            } else {
                sectionsAdded += "\n[\(section)]\n" + lines.map { $0 + "\n" }.joined()
            }
        }
        return Self.applying(edits, to: text) + sectionsAdded
    }

    private static func applying(_ edits: [(bytes: Range<Int>, text: String)], to text: String) -> String {
        let old = Array(text.utf8)
        var (new, at) = ([UInt8](), 0)
        for edit in edits.sorted(by: { $0.bytes.lowerBound < $1.bytes.lowerBound }) {
            new += old[at..<edit.bytes.lowerBound]
            new += Array(edit.text.utf8)
            at = edit.bytes.upperBound
        }
        new += old[at...]
        if let last = new.last, last != UInt8(ascii: "\n") { new.append(UInt8(ascii: "\n")) }
        return String(decoding: new, as: UTF8.self)
    }
}
