/// What `a2 serve --generate-unit` prints: a unit of systemd that runs a2 with the flags beside it.
///
/// For systemd 252 and later. What it forbids, a2 does not need.

public enum ServiceUnit {
    /// Nothing a unit should say, because everybody may read it, or cannot, because it starts in another directory.
    public static func text(executable: String, flags: [FlagValue]) throws(UsageError) -> String {
        var command = [executable, "serve"]
        for flag in flags {
            guard let row = OptionTable.row(named: flag.option.name) else { preconditionFailure("no \(flag.spelling)") }
            if row.isSecret {
                throw UsageError(
                    "everybody may read a unit: give a password with --password-file, not \(flag.spelling)")
            }
            if row.kind == .path, !flag.value.hasPrefix("/"), !flag.value.hasPrefix("%"), !flag.value.isEmpty {
                throw UsageError("a unit needs the whole path: \(flag.spelling)=/...")
            }
            let isNegated = flag.spelling == "--no-\(row.name)"
            command.append(isNegated ? flag.spelling : "\(flag.spelling)=\(flag.value)")
        }
        return head + "ExecStart=" + command.map(quoted).joined(separator: " ") + "\n" + rest
    }

    /// A word of ExecStart. A '%' that begins a specifier of systemd, as %d or %S, is meant.
    private static func quoted(_ word: String) -> String {
        var (text, needsQuotes) = ("", word.isEmpty)
        for character in word {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "$": text += "$$"
            case "\n": text += "\\n"
            default: text.append(character)
            }
            needsQuotes = needsQuotes || " \t'\"\\;\n".contains(character)
        }
        return needsQuotes ? "\"" + text + "\"" : text
    }

    private static let head = """
        # A unit for systemd, made by `a2 serve --generate-unit`. As /etc/systemd/system/a2.service it is started with
        #     systemctl daemon-reload && systemctl enable --now a2
        # It reads /etc/a2/a2.toml where that exists, and keeps its data below /var/lib/a2. To change it, write what
        # differs with `systemctl edit a2`.

        [Unit]
        Description=a2, a Redis-compatible database
        Documentation=man:a2-serve(8) man:a2.toml(5)
        Wants=network-online.target
        After=network-online.target

        [Service]
        Type=notify

        """

    private static let rest = """
        ExecReload=/bin/kill -HUP $MAINPID
        # Loading a long log may take a while, and so may bringing the last writes to disk and to peers.
        TimeoutStartSec=infinity
        TimeoutStopSec=90
        WatchdogSec=30
        Restart=on-failure
        RestartSec=1
        # What no second start makes better: arguments, damaged data, configuration.
        RestartPreventExitStatus=2 5 6

        # A user of the machine named a2 where there is one, otherwise one that exists while a2 runs.
        User=a2
        DynamicUser=yes
        StateDirectory=a2
        StateDirectoryMode=0700
        WorkingDirectory=%S/a2
        ConfigurationDirectory=a2
        ConfigurationDirectoryMode=0755
        UMask=0077
        # A file that only root may read: then --password-file=%d/password, or peer-secret-file likewise.
        #LoadCredential=password:/etc/a2/password

        # Each client, peer and file is a descriptor.
        LimitNOFILE=65536

        NoNewPrivileges=yes
        CapabilityBoundingSet=
        LockPersonality=yes
        MemoryDenyWriteExecute=yes
        PrivateDevices=yes
        PrivateTmp=yes
        ProtectClock=yes
        ProtectControlGroups=yes
        ProtectHome=yes
        ProtectHostname=yes
        ProtectKernelLogs=yes
        ProtectKernelModules=yes
        ProtectKernelTunables=yes
        ProtectProc=invisible
        ProtectSystem=strict
        RemoveIPC=yes
        RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
        RestrictNamespaces=yes
        RestrictRealtime=yes
        RestrictSUIDSGID=yes
        SystemCallArchitectures=native
        SystemCallFilter=@system-service
        SystemCallErrorNumber=EPERM

        [Install]
        WantedBy=multi-user.target

        """
}
