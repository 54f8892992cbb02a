/// Keys.

let keyCommands: [Command] = []
