/// Bitmaps.

let bitmapCommands: [Command] = []
