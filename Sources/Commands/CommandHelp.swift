/// The HELP of a command with subcommands: its lines as Redis lays them out.
import Base
import RESP

extension Invocation {
    /// Replies with the heading, `lines`, and the two lines on HELP itself.
    func replyHelp(_ lines: [StaticString]) {
        let name = (command.pointee.parent ?? command.pointee.name).description
        reply.array(lines.count + 3)
        "\(name) <subcommand> [<arg> [value] [opt] ...]. Subcommands are:".withBytes { reply.simple($0) }
        for line in lines { reply.simple(line) }
        reply.simple("HELP")
        reply.simple("    Prints this help.")
    }
}
