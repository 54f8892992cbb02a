/// What the right of the prompt says while nothing is typed: how the cluster is.
///
/// Asked in turns of the editor's own loop. It begins a moment after the prompt, which nothing is to delay, and starts
/// anew when the console connects elsewhere.
import Client
import OS

#if canImport(Glibc)
    import Glibc
#endif

final class StatusLine {
    private let session: Session
    private var asked: [Endpoint] = []
    private var status: ClusterStatus?
    private var beginsAt = SystemClock.monotonicMilliseconds + 200

    init(_ session: Session) { self.session = session }

    /// Without colour: it stands beside the line in the colour of hints.
    var text: String {
        var style = session.viewStyle
        style.usesColour = false
        return status?.text(style) ?? ""
    }

    var interests: [Readiness] {
        (status?.interests ?? []).map { entry in
            Readiness(
                entry.fd, wantsRead: entry.events & Int16(POLLIN) != 0, wantsWrite: entry.events & Int16(POLLOUT) != 0)
        }
    }

    var timeoutMilliseconds: Int {
        if !session.settings.showsStatus { return -1 }
        if let status { return Int(status.timeoutMilliseconds) }
        return Int(max(beginsAt - SystemClock.monotonicMilliseconds, 0))
    }

    /// Does what can be done without waiting; whether the text is another.
    func turn() -> Bool {
        guard session.settings.showsStatus, session.connection?.needsAuthentication == false else {
            let had = status != nil
            close()
            return had
        }
        if asked != session.viewedNodes, status != nil { close() }
        guard let status else {
            if SystemClock.monotonicMilliseconds < beginsAt { return false }
            asked = session.viewedNodes
            let begun = ClusterStatus(asked.map { ClusterEndpoint($0) })
            status = begun
            return begun.turn()
        }
        return status.turn()
    }

    func close() {
        status?.close()
        status = nil
        asked = []
        beginsAt = SystemClock.monotonicMilliseconds + 200
    }
}
