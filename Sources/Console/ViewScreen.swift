/// The whole terminal, taken for a while: raw keys, the alternate screen, and both given back whatever happens.
import Base
import CEdit
import Glibc
import OS
import Options

final class ViewScreen {
    /// Lets the loop see that the process is to end, instead of ending in the middle of the screen.
    private static let endings: [Int32] = [SIGTERM, SIGHUP, SIGQUIT, SIGINT]

    private let former: termios
    private var formerMask = sigset_t()
    private var blocked = sigset_t()
    private var isOpen = true

    /// Nil where there is no terminal to take.
    init?() {
        var current = termios()
        guard isatty(0) == 1, isatty(1) == 1, tcgetattr(0, &current) == 0 else { return nil }
        former = current
        sigemptyset(&blocked)
        for signal in Self.endings { sigaddset(&blocked, signal) }
        pthread_sigmask(SIG_BLOCK, &blocked, &formerMask)
        // Keys one by one, unseen; control characters are keys like others.
        current.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        current.c_iflag &= ~tcflag_t(IXON | ICRNL)
        tcsetattr(0, TCSADRAIN, &current)
        a2_terminal_screen(1)
        Terminal.print("\u{1B}[?1049h\u{1B}[?25l\u{1B}[H\u{1B}[2J")
    }

    deinit { restore() }

    func restore() {
        guard isOpen else { return }
        isOpen = false
        Terminal.print("\u{1B}[0m\u{1B}[?25h\u{1B}[?1049l")
        a2_terminal_screen(0)
        var former = former
        tcsetattr(0, TCSADRAIN, &former)
        pthread_sigmask(SIG_SETMASK, &formerMask, nil)
    }

    /// A signal that came meanwhile; whoever gets it restores the screen, then raises it anew.
    func pendingSignal() -> Int32? {
        var none = timespec()
        let signal = sigtimedwait(&blocked, nil, &none)
        return signal > 0 ? signal : nil
    }

    static var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    func draw(_ lines: [ViewLine], _ style: ViewStyle) {
        // Each line clears what stood behind it: without that the screen would flicker.
        var text = "\u{1B}[H"
        for (index, line) in lines.enumerated() {
            text += (index > 0 ? "\r\n" : "") + line.written(style) + "\u{1B}[K"
        }
        Terminal.print(text + "\u{1B}[J")
    }

    /// Keys that have been pressed; nil at the end of the terminal.
    func keys() -> [ViewTopSession.Key]? {
        var entry = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(0, &bytes, bytes.count)
        if count < 0 { return errno == EINTR || errno == EAGAIN ? [] : nil }
        return count == 0 ? nil : ViewTopSession.keys(Array(bytes.prefix(count)))
    }
}

enum ViewTopScreen {
    /// Until the user leaves. The status for a script: that of the last reading.
    static func run(_ watch: ClusterWatch, _ style: ViewStyle, isStopped: () -> Bool) -> Int32? {
        guard let screen = ViewScreen() else { return nil }
        var session = ViewTopSession(watch)
        var (size, isNew, raised) = ((width: 0, height: 0), true, Int32(0))
        defer {
            screen.restore()
            watch.close()
            if raised > 0 { kill(getpid(), raised) }
        }
        while true {
            let now = SystemClock.monotonicMilliseconds
            if !session.isPaused, watch.turn(now) { isNew = true }
            session.update()
            let current = ViewScreen.size
            if current != size { (size, isNew) = (current, true) }
            var style = style
            style.width = size.width
            let view = session.view(now)
            if isNew {
                let waiting = [ViewLine("asking the nodes…", .dim)]
                screen.draw(view?.screen(height: size.height, style) ?? waiting, style)
            }
            isNew = false
            // Short enough to notice another size of the terminal and signals.
            let due = session.isPaused ? 100 : min(max(watch.dueMilliseconds - now, 0), 100)
            ClusterPoll.sleep(
                until: session.isPaused ? [] : watch.links, others: [0], timeoutMilliseconds: due)
            if let signal = screen.pendingSignal() {
                raised = signal
                return 128 + signal
            }
            guard let keys = screen.keys(), !isStopped() else { return status(view) }
            for key in keys {
                isNew = true
                if session.press(key, offsetMax: view?.offsetMax(height: size.height, style) ?? 0) {
                    return status(view)
                }
            }
        }
    }

    private static func status(_ view: ViewTop?) -> Int32 { view?.status ?? ExitStatus.negative }
}
