namespace VhostNet.TestKit;

/// <summary>How a guest's machine is built.</summary>
public sealed record GuestOptions
{
    /// <summary>The device's properties that switch every checksum and segmentation offload off.</summary>
    public const string NoOffloads =
        "csum=off,gso=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off";

    /// <summary>The guest's name in error messages and transcripts.</summary>
    public string Name { get; init; } = "guest";

    /// <summary>What kind of machine it is.</summary>
    public GuestMachine Machine { get; init; }

    /// <summary>The network card's vhost-user socket; null for a machine without one.</summary>
    public required string? Socket { get; init; }

    /// <summary>QEMU listens on the socket and the back end connects.</summary>
    public bool SocketServer { get; init; }

    /// <summary>Whether QEMU connects again when the back end is gone, as fast as it can (<see cref="QemuRelease.Reconnect"/>); without it QEMU ends when the first attempt fails.</summary>
    public bool Reconnect { get; init; }

    /// <summary>Queue pairs.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>Virtual processors.</summary>
    public int Processors { get; init; } = 1;

    /// <summary>Memory.</summary>
    public int MemoryMiB { get; init; } = 256;

    /// <summary>Whether the memory is shared with the back end, as it has to be.</summary>
    public bool SharedMemory { get; init; } = true;

    /// <summary>Whether the memory has a file behind it at all.</summary>
    public bool MemoryBackend { get; init; } = true;

    /// <summary>Further properties of the network device: <c>mrg_rxbuf=off,packed=on</c>.</summary>
    public string DeviceProperties { get; init; } = "";

    /// <summary>The device's MAC address.</summary>
    public string Mac { get; init; } = "52:54:00:aa:00:01";

    /// <summary>A reboot restarts the machine instead of ending QEMU.</summary>
    public bool MayReboot { get; init; }

    /// <summary>Further QEMU arguments.</summary>
    public IReadOnlyList<string> ExtraArguments { get; init; } = [];
}
