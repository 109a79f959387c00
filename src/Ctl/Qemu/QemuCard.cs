using System.Globalization;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Qemu;

/// <summary>What a QEMU's command line lacks for a card whose back end listens on a socket. Pure.</summary>
internal static class QemuCard
{
    /// <summary>Id of the netdev that is added: a device of one's own can be given with <c>netdev=vhostnet</c>.</summary>
    public const string Netdev = "vhostnet";

    private const string Memory = "vhostnet-mem";
    private const string Chardev = "vhostnet-socket";

    /// <summary>The arguments to add.</summary>
    /// <param name="given">The command line.</param>
    /// <param name="version">QEMU's version.</param>
    /// <param name="program">QEMU's program, by whose name its machine is known.</param>
    /// <param name="socket">Path of the back end's socket.</param>
    /// <param name="queuePairs">How many queue pairs the back end offers.</param>
    /// <exception cref="CtlException">The command line can't have such a card.</exception>
    public static IReadOnlyList<string> Add(QemuArguments given, QemuVersion version, string program, string socket, int queuePairs)
    {
        if (given.HasId(Chardev) || given.Values("netdev").Any(n => QemuArguments.Key(n, "id") == Netdev))
        {
            throw new CtlException(CtlExit.Wrong, $"QEMU's command line has \"{Netdev}\" or \"{Chardev}\" as an id already, which vhostnetctl run gives " +
                "its own netdev and chardev; choose another one");
        }

        var more = new List<string>();
        AddMemory(given, more);
        more.AddRange(["-chardev", $"socket,id={Chardev},path={socket},{version.Reconnect}"]);
        string queues = queuePairs > 1 ? string.Create(CultureInfo.InvariantCulture, $",queues={queuePairs}") : string.Empty;
        more.AddRange(["-netdev", $"vhost-user,id={Netdev},chardev={Chardev}{queues}"]);
        if (given.DeviceOf(Netdev) is null)
        {
            more.AddRange(["-device", Device(given, version, program, queuePairs)]);
        }

        return more;
    }

    private static void AddMemory(QemuArguments given, List<string> more)
    {
        if (given.MemoryBackend is not { } backend)
        {
            more.AddRange(["-object", $"memory-backend-memfd,id={Memory},size={given.MemorySize},share=on", "-machine", $"memory-backend={Memory}"]);
            return;
        }

        // What is there is left alone, if it can be shared; QEMU says itself what is wrong with one that is not defined.
        string? description = given.Object(backend);
        bool isMemfd = description is not null && QemuArguments.First(description) == "memory-backend-memfd";
        string? share = description is null ? "on" : QemuArguments.Key(description, "share");
        if (share is not ("on" or "yes" or "true") && !(isMemfd && share is null))
        {
            throw new CtlException(
                CtlExit.Wrong, $"-object {description}: share=on is missing, without which the guest's memory is QEMU's alone; add it, or leave the memory " +
                    "backend to vhostnetctl run");
        }
    }

    private static string Device(QemuArguments given, QemuVersion version, string program, int queuePairs)
    {
        bool noPci = given.Machine is "microvm" || given.Machine.StartsWith("microvm", StringComparison.Ordinal);
        string kind = noPci ? "virtio-net-device" : program.EndsWith("s390x", StringComparison.Ordinal) ? "virtio-net-ccw" : "virtio-net-pci";
        bool isPci = kind == "virtio-net-pci";
        string device = $"{kind},netdev={Netdev}";
        if (isPci && given.IsTcg && version.NeedsNoVectorsUnderTcg)
        {
            device += ",vectors=0";
        }
        else if (queuePairs > 1 && isPci)
        {
            device += string.Create(CultureInfo.InvariantCulture, $",vectors={(2 * queuePairs) + 2}");
        }

        return queuePairs > 1 ? device + ",mq=on" : device;
    }
}
