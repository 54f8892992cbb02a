/// What holds for every file, and the files that may do otherwise, each with its reason.
import Testing

@Suite struct TidyTests {
    private func check(_ files: [SourceFile], except exemptions: Exemptions = Exemptions([:]), _ rule: Rule) {
        report(exemptions.apply(to: files.flatMap(rule)))
    }

    private typealias Rule = (SourceFile) -> [Violation]

    @Test("Files are short") func fileLength() { check(SourceTree.code, TextRules.fileLength) }

    @Test("Functions are short") func functionLength() {
        check(SourceTree.code + [SourceTree.package], except: Exemptions([:]), CodeRules.functionLength)
    }

    @Test("Every file begins with what it is") func opening() { check(SourceTree.code, TextRules.opening) }

    @Test("Nothing is left unfinished") func unfinishedWork() { check(SourceTree.all, TextRules.unfinishedWork) }

    @Test("No file knows the machine it was written on") func machinePaths() {
        check(SourceTree.all, TextRules.machinePaths)
    }

    @Test("Nothing is unwrapped by force") func forcedUnwraps() {
        check(SourceTree.swift, CodeRules.forcedUnwraps)
    }

    @Test("Where the unwrapping of a value that is always there must cost nothing")
    func uncheckedUnwraps() {
        let exemptions = Exemptions([
            "Sources/Commands/CommandTable.swift": "the rows are never empty; read once per request",
            "Sources/Engine/Entry.swift": "an entry's kind was written by this process; read once per request",
            "Sources/Engine/KeyHandle+Write.swift": "checked in the same expression",
            "Sources/Engine/Table.swift": "addresses of buckets and entries are never 0; read once per request",
        ])
        check(SourceTree.swift, except: exemptions) { CodeRules.word("unsafelyUnwrapped", $0) }
    }

    @Test("The process is given up only where nothing else is left") func givingUp() {
        let exemptions = Exemptions([
            "Sources/OS/HugePages.swift": "without memory there is nothing to go on with, and the reason must be seen",
            "Tests/CRDTTests/Cluster.swift": "a record that its own encoder wrote",
        ])
        check(SourceTree.swift, except: exemptions) { CodeRules.word("fatal" + "Error", $0) }
    }

    @Test("Where sharing between threads is promised, not proven") func uncheckedSharing() {
        let exemptions = Exemptions([
            "Sources/Base/Crc64.swift": "a table that is complete before anybody reads it",
            "Sources/Base/Guarded.swift": "an address that only ThreadSanitizer's build has, and nobody reads behind",
            "Sources/Base/Hashing.swift": "a table that is complete before anybody reads it",
            "Sources/Commands/Command.swift": "rows that are complete before anybody reads them",
            "Sources/Commands/CommandTable.swift": "rows that are complete before anybody reads them",
            "Sources/Commands/Invocation.swift": "the node outlives every call; counting references would cost each",
            "Sources/Commands/LoopStatistics.swift": "atomics; only the pointer to them is unknown to the compiler",
            "Sources/Engine/Partition.swift": "addresses of partitions, which are lent under locks",
            "Sources/OS/HugePages.swift": "guarded by its lock",
            "Sources/OS/Lock.swift": "a pthread mutex behind a pointer that never changes",
            "Sources/Replication/LogBuffer.swift": "bytes that nobody changes any more",
            "Sources/Replication/Window.swift": "positions are atomic, bytes belong to who reserved them",
            "Sources/Server/IdentityKeeper.swift": "guarded by its lock",
            "Sources/Server/LogPump.swift": "guarded by its lock",
            "Sources/Server/PartitionLocks.swift": "the locks themselves",
            "Sources/Server/Store.swift": "of a directory's own nothing ever changes",
            "Sources/Storage/Disk.swift": "bytes of a file, which nobody changes",
            "Tests/CommandsTests/NodeHarness.swift": "one thread runs the commands under test",
            "Tests/CommandsTests/ServerCommandTests.swift": "one thread runs the commands under test",
            "Tests/OSTests/LockTests.swift": "guarded by the lock under test",
            "Tests/OSTests/SystemTests.swift": "handed over by joining the thread",
            "Tests/Simulator/SimNode.swift": "one thread runs the whole simulation",
        ])
        check(SourceTree.swift, except: exemptions, CodeRules.uncheckedSharing)
    }
}
