/// A connection to a server that speaks RESP, for the tools: console, bench, snapshot, inspect.
