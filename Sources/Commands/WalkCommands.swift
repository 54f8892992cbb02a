/// Commands that look at every partition.

let walkCommands: [Command] = []
