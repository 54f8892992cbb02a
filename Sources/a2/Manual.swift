/// The manual, put together: what is made of the options, and what is made of the command rows.
import Commands
import Options

func manualPage(_ name: String) -> String? {
    name == CommandPages.manualName ? CommandPages.manual : ManualPages.page(name)
}
