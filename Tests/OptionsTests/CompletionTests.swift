/// Completions, driven in the shells themselves: of the checked-in files, and of all tools that have a table, those
/// still hidden too.
import Glibc
import Testing

@testable import Options

@Suite struct CompletionTests {
    private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    private static let all = Subcommand.all.map(CompletedCommand.init)

    /// What a command prints, nil when it is not on this machine.
    private func output(_ tool: String, _ script: String) throws -> String? {
        if system("command -v \(tool) >/dev/null") != 0 { return nil }
        let path = "/tmp/a2-completion-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).\(tool)"
        let file = try #require(fopen(path, "w"))
        fputs(script, file)
        fclose(file)
        defer { unlink(path) }
        let norc = ["zsh": "-f", "fish": "--no-config", "bash": "--norc"][tool] ?? ""
        let pipe = try #require(popen("timeout 20 \(tool) \(norc) \(path) 2>&1", "r"))
        defer { pclose(pipe) }
        var (bytes, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Lines to complete, and all that may stand there.
    private static let lines: [(line: String, expected: [String])] = [
        ("a2 ser", ["serve"]), ("a2 ben", ["bench"]),
        ("a2 serve --maxmemory-pol", ["--maxmemory-policy"]), ("a2 serve --maxmemory-policy noe", ["noeviction"]),
        ("a2 completions f", ["fish"]), ("a2 serve --port 6", []),
        ("a2 help ver", ["version"]), ("a2 help bench con", ["converge"]),
        ("a2 bench con", ["converge"]), ("a2 bench --pipel", ["--pipeline"]), ("a2 bench -P 1 --arr", ["--arrival"]),
        ("a2 bench run --arrival poi", ["poisson"]), ("a2 bench converge --mi", []),
        ("a2 bench converge --parti", ["--partition"]),
        ("a2 bench run -c 5", []), ("a2 console --colo", ["--color"]), ("a2 console --color ne", ["never"]),
        ("a2 console -p 7 --js", ["--json"]), ("a2 snapshot import-r", ["import-rdb"]),
        ("a2 snapshot save --format ndj", ["ndjson"]), ("a2 inspect digest --depth buc", ["bucket"]),
    ]

    /// One shell completes all lines: starting one takes longer than all of them.
    private func check(_ tool: String, _ begin: String, _ complete: (String) -> String) throws {
        let script = begin + "\n" + Self.lines.map { "echo '== '\n\(complete($0.line))\n" }.joined()
        guard let found = try output(tool, script) else { return }
        let answers = found.split(separator: "== \n", omittingEmptySubsequences: false).dropFirst()
        #expect(answers.count == Self.lines.count, "\(found)")
        for ((line, expected), answer) in zip(Self.lines, answers) {
            // A tab stands before a description.
            let words = answer.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
            #expect(words == expected, "\(tool): \(line)")
        }
    }

    @Test("bash completes subcommands, verbs, flags and their values")
    func bash() throws {
        try check("bash", BashCompletion.script(Self.all)) { line in
            "COMP_WORDS=(\(line)); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _a2\n"
                + "(( ${#COMPREPLY[@]} )) && printf '%s\\n' \"${COMPREPLY[@]}\""
        }
    }

    @Test("fish completes subcommands, verbs, flags and their values")
    func fish() throws {
        try check("fish", FishCompletion.script(Self.all)) { "complete -C '\($0)'" }
    }

    /// zsh completes only at a terminal: it has one of its own, into which each line is typed, then Tab, then a key
    /// that prints the line as it stands.
    @Test("zsh completes subcommands, verbs, flags and their values")
    func zsh() throws {
        let folder = "/tmp/a2-completion-\(getpid())-zsh"
        #expect(mkdir(folder, 0o700) == 0)
        defer { #expect(system("rm -r \(folder)") == 0) }
        let files = [
            "_a2": ZshCompletion.script(Self.all),
            "rc": """
            fpath=(\(folder) $fpath)
            autoload -Uz compinit && compinit -u -D
            PS1=''
            shown() { print -r -- "<<$BUFFER>>"; BUFFER=; zle redisplay }
            zle -N shown
            bindkey '^I' complete-word
            bindkey '^X' shown

            """,
        ]
        for (name, text) in files {
            let file = try #require(fopen(folder + "/" + name, "w"))
            fputs(text, file)
            fclose(file)
        }
        let begin = """
            export TERM=dumb
            zmodload zsh/zpty
            zpty shell "zsh -f -i"
            zpty -w shell 'source \(folder)/rc; print READY'
            zpty -r -m shell answer '*READY*READY*'
            """
        try check("zsh", begin) { line in
            """
            zpty -n -w shell $'\(line)\\t\\x18'
            zpty -r -m shell answer '*<<*>>*'
            answer=${${answer##*<<}%%>>*}
            [[ $answer == '\(line)' ]] || print -r -- ${${${(s: :)answer}[-1]}%=}
            """
        }
    }

    @Test("Each shell's own check finds the scripts of all tools well-formed", arguments: ["bash", "zsh", "fish"])
    func lint(_ shell: String) throws {
        let scripts = [
            "bash": BashCompletion.script(Self.all), "zsh": ZshCompletion.script(Self.all),
            "fish": FishCompletion.script(Self.all),
        ]
        let path = "/tmp/a2-completion-\(getpid())-lint.\(shell)"
        let file = try #require(fopen(path, "w"))
        fputs(scripts[shell], file)
        fclose(file)
        defer { unlink(path) }
        #expect(system("command -v \(shell) >/dev/null || exit 0; \(shell) -n \(path)") == 0)
    }

    @Test("After an operand of a console, nothing is a flag; files are offered where files belong")
    func operands() throws {
        let bash =
            BashCompletion.script(Self.all) + """

                try() { COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _a2; echo "${#COMPREPLY[@]} ${COMPREPLY[0]}"; }
                try a2 console GET --j
                try a2 console -p = 7000 GET --j
                try a2 console --port = 7000 --js
                try a2 serve --config = /etc/host.c
                try a2 snapshot status /etc/host.c
                try a2 snapshot restore x --data-dir /us

                """
        guard let found = try output("bash", bash) else { return }
        #expect(
            found.split(separator: "\n").map(String.init) == [
                "0 ", "0 ", "1 --json", "1 /etc/host.conf", "1 /etc/host.conf", "1 /usr",
            ])
    }
}
