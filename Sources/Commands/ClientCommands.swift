/// CLIENT.

let clientCommands: [Command] = []
