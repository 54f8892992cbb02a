/// What redis-server 7.0.15 answered to raw bytes on a fresh connection: recorded from a real server, once
/// without and once with requirepass ("pw"), each request in one piece.
struct Transcript: CustomStringConvertible, Sendable {
    var sent: [UInt8]
    var reply: [UInt8]
    var closes: Bool
    var needsPassword: Bool
    let description: String

    init(
        _ head: String, fill: String = "", times: Int = 0, tail: String = "", reply: String, closes: Bool = false,
        needsPassword: Bool = false
    ) {
        sent = bytes(head)
        let filling = bytes(fill)
        for _ in 0..<times { sent += filling }
        sent += bytes(tail)
        self.reply = bytes(reply)
        self.closes = closes
        self.needsPassword = needsPassword
        description = "\(head.debugDescription) \(times) × \(fill.debugDescription) \(tail.debugDescription)"
    }
}

let transcripts: [Transcript] = [
    Transcript("*3000000000\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*2147483648\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*2147483647\r\n", reply: ""),
    Transcript(
        "*1048577\r\n*1\r\n$4\r\nPING\r\n", reply: "-ERR Protocol error: expected '$', got '*'\r\n", closes: true),
    Transcript("*+1\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*01\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*-0\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*-10\r\n*1\r\n$4\r\nPING\r\n", reply: "+PONG\r\n"),
    Transcript("*-9223372036854775809\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*0\r\n*1\r\n$4\r\nPING\r\n", reply: "+PONG\r\n"),
    Transcript("*-1\r\n*1\r\n$4\r\nPING\r\n", reply: "+PONG\r\n"),
    Transcript("*1x\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("* 1\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true),
    Transcript("*1\r\nPING\r\n", reply: "-ERR Protocol error: expected '$', got 'P'\r\n", closes: true),
    Transcript("*1\r\n:4\r\n", reply: "-ERR Protocol error: expected '$', got ':'\r\n", closes: true),
    Transcript("*1\r\n\r\n", reply: "-ERR Protocol error: expected '$', got ' '\r\n", closes: true),
    Transcript("*1\r\n\u{ff}4\r\n", reply: "-ERR Protocol error: expected '$', got '\u{ff}'\r\n", closes: true),
    Transcript("*1\r\n\n4\r\n", reply: "-ERR Protocol error: expected '$', got ' '\r\n", closes: true),
    Transcript("*1\r\n\u{0}$4\r\n", reply: ""),
    Transcript("*1\r\n\u{1}$4\r\n", reply: "-ERR Protocol error: expected '$', got '\u{1}'\r\n", closes: true),
    Transcript("*1\r\n'4\r\n", reply: "-ERR Protocol error: expected '$', got '''\r\n", closes: true),
    Transcript("*1\r\n$-1\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true),
    Transcript("*1\r\n$536870913\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true),
    Transcript("*1\r\n$536870912\r\n", reply: ""),
    Transcript("*1\r\n$\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true),
    Transcript("*1\r\n$01\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true),
    Transcript("*1\r\n$+4\r\nPING\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true),
    Transcript("*1\r\n$4x\r\nPING\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true),
    Transcript("*1\r\n$99999999999999999999\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true),
    Transcript("*1\r\n$4\r\nPINGxy", reply: "+PONG\r\n"),
    Transcript("*1\rx$4\rxPINGxy", reply: "+PONG\r\n"),
    Transcript("*1\r\n$4\rxPINGxy*1\r\n$4\r\nPING\r\n", reply: "+PONG\r\n+PONG\r\n"),
    Transcript("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", reply: "$0\r\n\r\n"),
    Transcript("*1\r\n$0\r\n\r\n", reply: "-ERR unknown command '', with args beginning with: \r\n"),
    Transcript("PING\r\n", reply: "+PONG\r\n"),
    Transcript("PING\n", reply: "+PONG\r\n"),
    Transcript("  ping  \r\n", reply: "+PONG\r\n"),
    Transcript("\r\n\n\r\nPING\r\n", reply: "+PONG\r\n"),
    Transcript("\r\r\nPING\r\n", reply: "+PONG\r\n"),
    Transcript("ECHO \"a\\x41\\n\\r\\t\\b\\a\\q\\\"z\"\r\n", reply: "$10\r\naA\n\r\u{9}\u{8}\u{7}q\"z\r\n"),
    Transcript("ECHO 'a\\'b\\n'\r\n", reply: "$5\r\na'b\\n\r\n"),
    Transcript("ECHO \"abc\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true),
    Transcript("ECHO 'abc\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true),
    Transcript("ECHO \"a\"b\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true),
    Transcript("ECHO 'a'b\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true),
    Transcript("ECHO ab\"cd e\"\r\n", reply: "$6\r\nabcd e\r\n"),
    Transcript("ECHO ab'cd e'\r\n", reply: "$6\r\nabcd e\r\n"),
    Transcript("ECHO \"\"\r\n", reply: "$0\r\n\r\n"),
    Transcript("ECHO ''\r\n", reply: "$0\r\n\r\n"),
    Transcript("\"ECHO\" x\r\n", reply: "$1\r\nx\r\n"),
    Transcript("ECHO \"\\x4\"\r\n", reply: "$2\r\nx4\r\n"),
    Transcript("ECHO \"\\xZZ\"\r\n", reply: "$3\r\nxZZ\r\n"),
    Transcript("ECHO \"\\x00\"\r\n", reply: "$1\r\n\u{0}\r\n"),
    Transcript("ECHO \"a\\\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true),
    Transcript("ECHO a\u{b}b\r\n", reply: "$3\r\na\u{b}b\r\n"),
    Transcript("ECHO\u{b}ab\r\n", reply: "-ERR unknown command 'ECHO\u{b}ab', with args beginning with: \r\n"),
    Transcript("ECHO \u{b}\u{c}ab\r\n", reply: "$2\r\nab\r\n"),
    Transcript("ECHO \"a\"\u{b}\r\n", reply: "$1\r\na\r\n"),
    Transcript("ECHO a\\x41\r\n", reply: "$5\r\na\\x41\r\n"),
    Transcript("ECHO a\u{0}b\r\nPING\r\n", reply: ""),
    Transcript("\u{0}\r\nPING\r\n", reply: ""),
    Transcript("ECHO a\rb\r\n", reply: "-ERR wrong number of arguments for 'echo' command\r\n"),
    Transcript("ECHO \"a\rb\"\r\n", reply: "$3\r\na\rb\r\n"),
    Transcript("ECHO \"a\"\r\r\n", reply: "$1\r\na\r\n"),
    Transcript("ECHO 'a\\x41'\r\n", reply: "$5\r\na\\x41\r\n"),
    Transcript("ECHO 'it\\\\'\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true),
    Transcript("ECHO \u{ff}\u{80}\r\n", reply: "$2\r\n\u{ff}\u{80}\r\n"),
    Transcript(
        "ECHO \"\u{ff}\"\u{a0}\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true),
    Transcript(
        "ECHO \"a\r\n*1\r\n$4\r\nPING\r\n", reply: "-ERR Protocol error: unbalanced quotes in request\r\n", closes: true
    ),
    Transcript(
        "$3\r\n*1\r\n$4\r\nPING\r\n", reply: "-ERR unknown command '$3', with args beginning with: \r\n+PONG\r\n"),
    Transcript(
        "*1111111111111111111111111111111111111111\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true),
    Transcript(
        "*1\r\n$4\r\nPING\r\n*1\r\nx\r\n*1\r\n$4\r\nPING\r\n",
        reply: "+PONG\r\n-ERR Protocol error: expected '$', got 'x'\r\n", closes: true),
    Transcript("", fill: "A", times: 65536, reply: ""),
    Transcript("", fill: "A", times: 65537, reply: "-ERR Protocol error: too big inline request\r\n", closes: true),
    Transcript(
        "", fill: "A", times: 65536, tail: "\r\n",
        reply:
            "-ERR unknown command 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', with args beginning with: \r\n"
    ),
    Transcript("*", fill: "1", times: 65535, reply: ""),
    Transcript(
        "*", fill: "1", times: 65536, reply: "-ERR Protocol error: too big mbulk count string\r\n", closes: true),
    Transcript("*1\r\n$", fill: "1", times: 65535, reply: ""),
    Transcript(
        "*1\r\n$", fill: "1", times: 65536, reply: "-ERR Protocol error: too big bulk count string\r\n", closes: true),
    Transcript(
        "*1\r\n", fill: "x", times: 65537, reply: "-ERR Protocol error: too big bulk count string\r\n", closes: true),
    Transcript(
        "\u{0}", fill: "A\n", times: 40000, reply: "-ERR Protocol error: too big inline request\r\n", closes: true),
    Transcript(
        "*\u{0}", fill: "A\r\n", times: 40000, reply: "-ERR Protocol error: too big mbulk count string\r\n",
        closes: true),
    Transcript(
        "*1\r\n$\u{0}", fill: "A\r\n", times: 40000, reply: "-ERR Protocol error: too big bulk count string\r\n",
        closes: true),
    Transcript(
        "*11\r\n", reply: "-ERR Protocol error: unauthenticated multibulk length\r\n", closes: true, needsPassword: true
    ),
    Transcript("*10\r\n$4\r\n", reply: "", needsPassword: true),
    Transcript(
        "*1\r\n$16385\r\n", reply: "-ERR Protocol error: unauthenticated bulk length\r\n", closes: true,
        needsPassword: true),
    Transcript("*1\r\n$16384\r\n", reply: "", needsPassword: true),
    Transcript(
        "*2147483648\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true, needsPassword: true
    ),
    Transcript(
        "*1\r\n$536870913\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true, needsPassword: true
    ),
    Transcript(
        "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*11\r\n$4\r\nECHO\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n$1\r\nx\r\n",
        reply: "+OK\r\n-ERR wrong number of arguments for 'echo' command\r\n", needsPassword: true),
    Transcript("*-1\r\n*1\r\n$4\r\nPING\r\n", reply: "-NOAUTH Authentication required.\r\n", needsPassword: true),
    Transcript(
        "*1\r\n$-1\r\n", reply: "-ERR Protocol error: invalid bulk length\r\n", closes: true, needsPassword: true),
    Transcript(
        "*99999999999\r\n", reply: "-ERR Protocol error: invalid multibulk length\r\n", closes: true,
        needsPassword: true),
]
