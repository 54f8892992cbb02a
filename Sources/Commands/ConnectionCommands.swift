/// Connections.

let connectionCommands: [Command] = []
