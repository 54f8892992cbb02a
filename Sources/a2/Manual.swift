/// The manual, put together: what is made of the options, and what is made in Commands.
import Commands
import Options

/// A page by its file's name, or by that without the section.
func manualPage(_ name: String) -> String? {
    let name = ManualPages.names.first { $0 == name || $0.dropLast(2) == name } ?? name
    return switch name {
    case CommandPages.manualName: CommandPages.manual
    case ReplicationPage.manualName: ReplicationPage.manual
    default: ManualPages.page(name)
    }
}
