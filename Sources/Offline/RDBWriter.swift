/// Writing a dump that Redis loads: strings, numbers and sets with their deadlines.
///
/// Versions 9 to 11 differ in types a2 does not have, so only the head says which one it is.
import Base
import Commands
import Options

final class RDBWriter {
    private let target: ByteTarget
    private var database = -1
    private var scratch = ByteBuffer(capacity: 4096)
    private(set) var keys = 0

    static let versions = 9...11

    init(_ target: ByteTarget, version: Int, nowMilliseconds: Int64) throws(ToolFailure) {
        self.target = target
        precondition(Self.versions.contains(version), "dump version \(version)")
        let digits = String(version)
        scratch.append("REDIS" + String(repeating: "0", count: 4 - digits.count) + digits)
        Self.appendFact("redis-ver", Self.redisVersion(version), to: &scratch)
        Self.appendFact("redis-bits", "64", to: &scratch)
        Self.appendFact("ctime", "\(nowMilliseconds / 1000)", to: &scratch)
        Self.appendFact("a2-ver", Version.number, to: &scratch)
        try flush()
    }

    /// The first Redis to write this version.
    private static func redisVersion(_ version: Int) -> String {
        version == 9 ? "5.0.0" : version == 10 ? "7.0.0" : "7.2.0"
    }

    private static func appendFact(_ name: String, _ value: String, to out: inout ByteBuffer) {
        out.append(0xFA as UInt8)
        name.withBytes { RDBString.append($0, to: &out) }
        value.withBytes { RDBString.append($0, to: &out) }
    }

    private func flush() throws(ToolFailure) {
        try target.write(scratch.view)
        scratch.removeAll()
        scratch.shrink(to: 1 << 20)
    }

    private func begin(_ database: Int, deadline: Int64?) {
        keys += 1
        if database != self.database {
            scratch.append(0xFE as UInt8)
            RDBString.append(length: database, to: &scratch)
            self.database = database
        }
        guard let deadline else { return }
        scratch.append(0xFC as UInt8)
        scratch.append(littleEndian: deadline)
    }

    func string(_ name: ByteView, _ value: ByteView, database: Int, deadline: Int64?) throws(ToolFailure) {
        begin(database, deadline: deadline)
        scratch.append(0 as UInt8)
        RDBString.append(name, to: &scratch)
        RDBString.append(value, to: &scratch)
        try flush()
    }

    func set(_ name: ByteView, _ elements: [[UInt8]], database: Int, deadline: Int64?) throws(ToolFailure) {
        begin(database, deadline: deadline)
        scratch.append(2 as UInt8)
        RDBString.append(name, to: &scratch)
        RDBString.append(length: elements.count, to: &scratch)
        for element in elements { element.withView { RDBString.append($0, to: &scratch) } }
        try flush()
    }

    func finish() throws(ToolFailure) {
        scratch.append(0xFF as UInt8)
        try flush()
        scratch.append(littleEndian: target.checksum)
        try flush()
        try target.finish()
    }
}
