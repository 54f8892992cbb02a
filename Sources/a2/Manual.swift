/// The manual, put together: what is made of the options, and what is made in Commands.
import Commands
import Options

func manualPage(_ name: String) -> String? {
    switch name {
    case CommandPages.manualName: CommandPages.manual
    case ReplicationPage.manualName: ReplicationPage.manual
    default: ManualPages.page(name)
    }
}
