namespace VhostNet.Style.Rooms;

/// <summary>The rooms of one project in order: a file uses only types of its own room and of those before it.</summary>
/// <param name="Project">Folder of the project, from the root.</param>
/// <param name="Rooms">Folders below it; the empty one is the project's own top. What lies deeper belongs to the nearest room above it.</param>
internal sealed record RoomOrder(string Project, params string[] Rooms)
{
    /// <summary>The order that docs/architecture.md explains.</summary>
    public static RoomOrder[] All { get; } =
    [
        new("src/Aio", "Faults", "Failpoints", "Monitors", "Timers", "BottomHalves", ""),
        new(
            "src/VhostUser",
            "Memory", "Virtqueues/Tracking", "Virtqueues", "Virtqueues/Split", "Virtqueues/Packed", "Protocol", "Transport",
            "Backend", "Backend/Quotas", "Backend/Logging", "Backend/State", "Backend/Rings", "Backend/Snapshots", "Backend/Messages", "Backend/Session", "Backend/Endpoints"),
        new(
            "src/VirtioNet",
            "Addresses", "Errors", "Frames", "Offload", "Queues", "RateLimits", "Captures", "Networks", "Networks/Switch",
            "Ports/Buffers", "Ports/Packets", "Ports/Sockets", "Ports/Links",
            "Ports/Guest", "Ports/Tap", "Ports/AfPacket", "Ports/Datagram", "Ports/Stream", "Ports/User", "Ports/Responder", "Ports/Pcap", "Ports/Generator", "Ports/Null"),
        new("src/Daemon", "Common", "Configuration", "Systemd", "Logs", "Metrics", "Handover", "Hosting", "Changes", "Takeover", "Api", "Cli", ""),
        new("src/Ctl", "Common", "Client", "Rendering", "Captures", "Qemu", "Top", "Commands", ""),
    ];

    /// <summary>The place in the order of the room that a file lies in; -1 when it lies in none.</summary>
    public int RankOf(string path)
    {
        string folder = Path.GetDirectoryName(path[(Project.Length + 1)..])!.Replace('\\', '/');
        string? room = Rooms.Where(r => folder == r || folder.StartsWith(r + "/", StringComparison.Ordinal)).MaxBy(r => r.Length);
        return room is null ? -1 : Array.IndexOf(Rooms, room);
    }

    /// <summary>How a room is called in messages.</summary>
    public string NameOf(int rank) => Rooms[rank] is { Length: > 0 } name ? name : "(top)";
}
