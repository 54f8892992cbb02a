/// What the user has chosen: flags, `:set`, the rc file.
import Options

struct ConsoleSettings {
    var format: ReplyFormat?
    var delimiters = ReplyDelimiters()
    var showsHints = true
    var completesKeys = true
    var usesPager = false
    var showsStatus = true
    var showsTiming = false
    var isReadOnly = false
    /// Nothing is asked.
    var isSure = false
    var usesColor = false
    var isUnicode = true
    /// Errors of the server do not end a script.
    var goesOnAfterErrors = false
    var isQuiet = false

    static let names = [
        "hints", "nohints", "keys", "nokeys", "pager", "nopager", "status", "nostatus", "timing", "notiming", "color",
        "nocolor", "readonly", "noreadonly", "ask", "noask", "typed", "raw", "json", "csv", "table",
    ]

    /// One word of `:set`; false when it is none.
    mutating func set(_ word: String) -> Bool {
        if let format = ReplyFormat(rawValue: word) {
            self.format = format
            return true
        }
        let isOn = !word.hasPrefix("no")
        switch isOn ? word : String(word.dropFirst(2)) {
        case "hints": showsHints = isOn
        case "keys": completesKeys = isOn
        case "pager": usesPager = isOn
        case "status": showsStatus = isOn
        case "timing": showsTiming = isOn
        case "color": usesColor = isOn
        case "readonly": isReadOnly = isOn
        case "ask": isSure = !isOn
        default: return false
        }
        return true
    }

    var summary: String {
        func word(_ isOn: Bool, _ name: String) -> String { isOn ? name : "no" + name }
        return [
            word(showsHints, "hints"), word(completesKeys, "keys"), word(usesPager, "pager"),
            word(showsStatus, "status"), word(showsTiming, "timing"), word(usesColor, "color"),
            word(isReadOnly, "readonly"), word(!isSure, "ask"), (format ?? .typed).rawValue,
        ].joined(separator: " ")
    }
}
