/// Which module may import which, and what deterministic modules may not know.

struct LayerRules {
    let layout: PackageLayout

    /// Libraries of the system and the toolchain; which of them a module may import depends on where it stands.
    private static let anywhere: Set<String> = ["Synchronization"]
    private static let aboveTheLine: Set<String> = ["Glibc"]
    private static let inTests: Set<String> = ["Glibc", "Foundation", "Testing", "PackageDescription"]

    /// Package.swift itself: every target follows the arrows, no arrow turns back or leaves the lower part.
    func checkPackage() -> [Violation] {
        var found: [Violation] = []
        let file = layout.file
        if layout.arrows.isEmpty || layout.deterministic.isEmpty {
            found.append(Violation(file, 1, "no arrows in the opening comment, or no line between the layers"))
        }
        for name in layout.arrows.keys.sorted() {
            let reachable = layout.reachable(from: name)
            if reachable.contains(name) { found.append(Violation(file, 1, "the arrows lead from \(name) to itself")) }
            if layout.deterministic.contains(name), !reachable.isSubset(of: layout.deterministic) {
                let outside = reachable.subtracting(layout.deterministic).sorted().joined(separator: " ")
                found.append(Violation(file, 1, "\(name) is below the line but reaches \(outside)"))
            }
        }
        for target in layout.targets where !isTest(target.name) {
            if layout.arrows[target.name] == nil, !layout.arrows.values.contains(where: { $0.contains(target.name) }) {
                found.append(Violation(file, target.line, "\(target.name) has no place among the arrows"))
            }
            for dependency in target.dependencies
            where !layout.reachable(from: target.name).contains(dependency) {
                found.append(
                    Violation(file, target.line, "no arrow leads from \(target.name) to \(dependency), its dependency"))
            }
        }
        return found
    }

    private func isTest(_ target: String) -> Bool {
        target.hasSuffix("Tests") || ["TestSupport", "Simulator"].contains(target)
    }

    func check(_ file: SourceFile) -> [Violation] {
        guard file.isSwift, let name = file.target else { return [] }
        guard let target = layout.target(name) else {
            // Entry points that a script builds are no targets of the package.
            if file.isTest, !isTest(name) { return [] }
            return [Violation(file, 1, "\(name) is not a target of Package.swift")]
        }
        var found = checkImports(file, target)
        if layout.deterministic.contains(name) { found += checkDeterminism(file) }
        return found
    }

    private func checkImports(_ file: SourceFile, _ target: PackageLayout.Target) -> [Violation] {
        var allowed = Self.anywhere.union(target.dependencies)
        if file.isTest {
            allowed.formUnion(Self.inTests)
        } else if !layout.deterministic.contains(target.name) {
            allowed.formUnion(Self.aboveTheLine)
        }
        return Self.imports(of: file).filter { !allowed.contains($0.module) }.map {
            Violation(file, $0.line, "\(target.name) may not import \($0.module)")
        }
    }

    /// `import X`, `@testable import X`, `public import X`, `import struct X.Y`.
    static func imports(of file: SourceFile) -> [(module: String, line: Int)] {
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        var imports: [(module: String, line: Int)] = []
        for index in file.tokens.indices.dropLast() where file.tokens[index].isWord("import") {
            let isKind = kinds.contains(file.tokens[index + 1].text) && index + 2 < file.tokens.count
            imports.append((file.tokens[index + (isKind ? 2 : 1)].text, file.tokens[index].line))
        }
        return imports
    }

    private func checkDeterminism(_ file: SourceFile) -> [Violation] {
        var found: [Violation] = []
        for (index, token) in file.tokens.enumerated() where token.kind == .word {
            // A member or a label of that name is somebody's own.
            let isMember = index > 0 && file.tokens[index - 1].isSign(".") && !token.followsSpace
            let next = index + 1 < file.tokens.count ? file.tokens[index + 1] : nil
            if isMember || next?.isSign(":") == true { continue }
            switch token.text {
            case "async", "await": found.append(Violation(file, token.line, "'\(token.text)' below the line"))
            case "any" where next?.kind == .word || next?.isSign("(") == true || next?.isSign("~") == true:
                found.append(Violation(file, token.line, "an existential below the line"))
            case "package": found.append(Violation(file, token.line, "package access below the line"))
            default: break
            }
        }
        return found
    }
}
