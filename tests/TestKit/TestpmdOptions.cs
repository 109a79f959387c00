namespace VhostNet.TestKit;

/// <summary>How testpmd is started.</summary>
public sealed record TestpmdOptions
{
    /// <summary>A name for its messages.</summary>
    public string Name { get; init; } = "testpmd";

    /// <summary>The virtual devices, e.g. <c>net_virtio_user0,path=/tmp/s,queues=1</c>.</summary>
    public required IReadOnlyList<string> Devices { get; init; }

    /// <summary>The forwarding mode: io, txonly, rxonly, icmpecho.</summary>
    public string Forward { get; init; } = "io";

    /// <summary>Queues of each port.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>Which logical core runs where, as DPDK's --lcores has it: core 0 is the prompt's, core 1 forwards.</summary>
    public string Lcores { get; init; } = "0@0,1@1";

    /// <summary>Memory in 2 MiB pages, in MiB.</summary>
    public int MemoryMegabytes { get; init; } = 256;

    /// <summary>Packet buffers of 2 KiB for all ports together.</summary>
    public int Buffers { get; init; } = 16384;

    /// <summary>Descriptors of each ring.</summary>
    public int RingSize { get; init; } = 1024;

    /// <summary>Further testpmd arguments.</summary>
    public IReadOnlyList<string> ExtraArguments { get; init; } = [];

    /// <summary>A virtio-user front end at a socket; more device arguments may follow.</summary>
    public static string VirtioUser(int index, string socket, string more = "", int ringSize = 1024) =>
        $"net_virtio_user{index},path={socket},queue_size={ringSize}{more}";

    /// <summary>DPDK's own vhost-user back end at a socket.</summary>
    public static string Vhost(int index, string socket) => $"net_vhost{index},iface={socket}";

    /// <summary>The network namespace that it runs in; null for this process's own.</summary>
    public NetworkNamespace? Inside { get; init; }
}
