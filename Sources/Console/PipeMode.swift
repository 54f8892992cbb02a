/// `--pipe`: standard input goes to the server as it is, as fast as it is taken, while replies are counted.
///
/// An ECHO of a random word at the end tells the last reply from all others, so the input need not be understood.
import Base
import CEdit
import Client
import OS
import Options
import RESP

enum PipeMode {
    private static let waitingBytesMax = 1 << 20

    static func run(_ session: Session) throws(CallFailure) -> Int32 {
        guard let connection = session.connection else { throw .client(.closed("not connected")) }
        let end = Entropy.bytes(20).map { UInt8(ascii: "a") + $0 % 26 }
        var replies = 0
        var errors = 0
        var isSent = false
        while true {
            var interests = [
                Readiness(connection.descriptor, wantsWrite: connection.wantsWrite), Readiness(session.signals),
            ]
            // What the server does not take stays where it comes from.
            if !isSent, connection.bytesWaiting < waitingBytesMax { interests.append(Readiness(0)) }
            _ = Readiness.wait(&interests, timeoutMilliseconds: -1)
            try session.throwOnSignal()
            do {
                if interests.count > 2, interests[2].isReadable, let piece = StandardInput.piece() {
                    if piece.isEmpty {
                        isSent = true
                        connection.append(
                            raw: Array("*2\r\n$4\r\nECHO\r\n$20\r\n".utf8) + end + [0x0D, 0x0A], expecting: 0)
                    } else {
                        connection.append(raw: piece, expecting: 0)
                    }
                }
                try connection.flush()
                while try connection.receive() != nil {}
            } catch { throw .client(error) }
            for reply in connection.takePushes() {
                if isSent, reply == .bulk(end) { return finish(session, replies, errors) }
                replies += 1
                guard let error = reply.errorText else { continue }
                errors += 1
                if errors <= 100 { Terminal.printError(error + "\n") }
            }
        }
    }

    private static func finish(_ session: Session, _ replies: Int, _ errors: Int) -> Int32 {
        if session.format == .json {
            session.output.append("{\"schema_version\":1,\"replies\":\(replies),\"errors\":\(errors)}\n")
        } else {
            session.output.append("errors: \(errors), replies: \(replies)\n")
        }
        session.output.flush()
        return errors > 0 && !session.settings.goesOnAfterErrors ? ExitStatus.negative : ExitStatus.success
    }
}
