/// What Redis has no name for.

let a2Commands: [Command] = []
