/// `@name COMMAND` and `@all COMMAND`: one command on another node, or on all of them.
import Base
import Client
import OS
import Options
import RESP

extension Session {
    /// Every node that has a name or was given with --node; the connected one when there is none.
    var allNodes: [Endpoint] {
        var all: [Endpoint] = []
        for node in givenNodes + nodes.endpoints
        where !all.contains(where: { $0.description == node.description }) {
            all.append(node)
        }
        return all.isEmpty ? [endpoint] : all
    }

    /// A name, an address, or both of "all".
    func endpoints(named name: String) -> [Endpoint] {
        if name == "all" { return allNodes }
        if let known = (givenNodes + nodes.endpoints).first(where: { $0.name == name || $0.description == name }) {
            return [known]
        }
        guard name.contains(":"), let address = try? Endpoint(uri: name) else { return [] }
        return [address]
    }

    func run(_ words: [[UInt8]], onNodes name: String) -> Int32 {
        guard !words.isEmpty else { return fail("@\(name) stands before a command", ExitStatus.usage) }
        let targets = endpoints(named: name)
        guard !targets.isEmpty else {
            let known = nodes.names.isEmpty ? "" : "; known: " + nodes.names.joined(separator: ", ")
            return fail("there is no node '\(name)'" + known, ExitStatus.usage)
        }
        var status = ExitStatus.success
        var isAllowed = false
        if format == .json { output.append("{") }
        for (index, target) in targets.enumerated() {
            do {
                let other = try connection(to: target)
                if !isAllowed, let refusal = try refusal(of: words, on: other) {
                    return fail(refusal, ExitStatus.negative)
                }
                isAllowed = true
                let reply = try ask(words, on: other)
                if reply.isError { status = ExitStatus.negative }
                show(reply, of: words, from: target, isFirst: index == 0, isAlone: targets.count == 1)
            } catch let error as ClientError {
                others[target.description] = nil
                status = error.exitStatus
                let text = ReplyValue.error(Array("\(error)".utf8))
                show(text, of: words, from: target, isFirst: index == 0, isAlone: targets.count == 1)
            } catch let error as CallFailure {
                others[target.description] = nil
                if case .client(let failure) = error {
                    status = fail("\(target.label): \(failure)", failure.exitStatus)
                } else {
                    return failed(error)
                }
            } catch { preconditionFailure("\(error)") }
        }
        if format == .json { output.append("}\n") }
        finishOutput()
        return status
    }

    private func show(_ reply: ReplyValue, of words: [[UInt8]], from node: Endpoint, isFirst: Bool, isAlone: Bool) {
        if format == .json {
            output.append((isFirst ? "" : ",") + JSONSpelling.quoted(node.label) + ":")
            JSONFormat(output: output).write(reply)
            return
        }
        if !isAlone { output.append(style.dim("\(node.label):") + "\n") }
        show(reply, of: words)
    }

    private func connection(to node: Endpoint) throws(ClientError) -> Connection {
        if let known = others[node.description], known.isOpen, known.repliesAwaited == 0 {
            // One that was closed meanwhile shows it when it is read.
            if (try? known.receive()) != nil || known.isOpen { return known }
        }
        let made = try Connection(node, protocolVersion: version, timeoutMilliseconds: timeoutMilliseconds)
        others[node.description] = made
        return made
    }
}
