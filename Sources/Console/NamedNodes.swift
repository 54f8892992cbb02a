/// Nodes with names: `[console.nodes]` of a2.toml, so that `a2 console nyc` and `@nyc GET k` find them.
///
///     [console.nodes]
///     nyc = "redis://:secret@10.0.0.1:6379"
///     lon = "10.0.0.2"
import Base
import Client
import OS
import Options

struct NamedNodes {
    private(set) var endpoints: [Endpoint] = []

    var names: [String] { endpoints.compactMap(\.name) }

    func find(_ name: String) -> Endpoint? { endpoints.first { $0.name == name } }

    /// From the configuration that `a2 serve` would read; a file that cannot be read is none, one that is wrong is an
    /// error.
    static func load(_ environment: [String: String]) throws(ClientError) -> NamedNodes {
        let (paths, mustExist) = ConfigurationFile.candidates(flag: nil, environment: environment)
        for path in paths {
            let contents: [UInt8]
            do { contents = try Files.read(path) } catch {
                if mustExist { throw .usage("A2_CONFIG: \(error)") }
                continue
            }
            return try read(String(decoding: contents, as: UTF8.self), path: path)
        }
        return NamedNodes()
    }

    static func read(_ text: String, path: String) throws(ClientError) -> NamedNodes {
        var nodes = NamedNodes()
        let members: [ConfigurationMember]
        do {
            if path.lowercased().hasSuffix(".json") { return nodes }
            members = try TOMLDocument.read(text).members
        } catch { throw .usage("\(path):\(error)") }
        for member in members where member.path.count == 3 && member.path[0] == "console" && member.path[1] == "nodes" {
            guard case .string(let uri) = member.value else {
                throw .usage("\(path):\(member.line): console.nodes.\(member.path[2]) is not a string")
            }
            do {
                var endpoint = try Endpoint(uri: uri)
                endpoint.name = member.path[2]
                nodes.endpoints.append(endpoint)
            } catch { throw .usage("\(path):\(member.line): \(error)") }
        }
        return nodes
    }
}
