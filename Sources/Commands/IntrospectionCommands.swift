/// COMMAND and its subcommands.

let introspectionCommands: [Command] = []
