/// The layers hold: SwiftPM lets a target import what it does not depend on, so these tests do not.
import Testing

@Suite struct LayerTests {
    private let rules = LayerRules(layout: PackageLayout(SourceTree.package))

    @Test("The dependencies in Package.swift follow the arrows of its comment")
    func package() { report(rules.checkPackage().map(\.description)) }

    @Test("Every import follows an arrow; below the line no system, no async, no existential, no package access")
    func sources() { report(SourceTree.swift.flatMap { rules.check($0) }.map(\.description)) }

    @Test("The tree is there to be looked at")
    func tree() {
        #expect(SourceTree.swift.count > 50)
        #expect(rules.layout.names.isSuperset(of: ["Base", "Core", "OS", "Server", "a2"]))
        #expect(
            rules.layout.deterministic.isSuperset(of: ["Base", "CRDT", "RESP", "Wire", "Engine", "Commands", "Core"]))
        #expect(rules.layout.deterministic.isDisjoint(with: ["OS", "Server", "CLinux", "a2"]))
    }
}
