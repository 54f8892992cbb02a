/// Who could reach the node without a password: what a start warns of.
import Options

struct Exposure {
    let warning: (text: String, addresses: [String])?

    /// `addresses` are those of the listeners: "0.0.0.0:6379", "[::1]:6379".
    init(addresses: [String], settings: Settings) {
        let reachable = addresses.filter { !Self.isLoopback($0) }
        guard !reachable.isEmpty, settings.text(.requirepass).isEmpty else {
            warning = nil
            return
        }
        let text =
            settings.flag(.protectedMode)
            ? "no password is set, so protected mode refuses clients of other machines: set password-file, "
                + "or bind to 127.0.0.1, or say --protected-mode no where the network is trusted"
            : "no password is set and protected mode is off: whoever reaches these addresses can read and change "
                + "all data; set password-file, or bind to 127.0.0.1"
        warning = (text, reachable)
    }

    static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address.hasPrefix("[::1]:") || address.hasPrefix("[::ffff:127.")
    }
}
