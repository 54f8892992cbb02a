/// Server.

let serverCommands: [Command] = []
