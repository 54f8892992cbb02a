/// What a command asks of the process around the node, which alone knows connections, files and clocks.

public enum HostRequest {
    case monitor
}
