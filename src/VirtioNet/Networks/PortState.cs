using System.Text.Json.Serialization;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// What a port is apart from its options: its open files, what it has read and not passed on, what it knows of its outside. Plain data besides the descriptors,
/// so that another process can go on with it. Members may be added, never changed.
/// </summary>
public sealed record PortState : IDisposable
{
    /// <summary>The port's open files, in the order in which its kind uses them; owned by this object until somebody takes them.</summary>
    [JsonIgnore]
    public IReadOnlyList<FileDescriptor> Descriptors { get; init; } = [];

    /// <summary>Frames that a receiver holds back, oldest first.</summary>
    public IReadOnlyList<HeldFrame> Held { get; init; } = [];

    /// <summary>Index of the interface, 0 when the port has none.</summary>
    public int InterfaceIndex { get; init; }

    /// <summary>Index of the bridge that the interface joined, 0 for none.</summary>
    public int BridgeIndex { get; init; }

    /// <summary>Whether the interface goes with the port.</summary>
    public bool IsOurs { get; init; }

    /// <summary>Whether the kernel takes UDP segmentation offload on the interface.</summary>
    public bool HasUso { get; init; }

    /// <summary>The front end's process that was connected last; null when there was none yet.</summary>
    public ulong? Process { get; init; }

    /// <summary>Addresses that were given to clients.</summary>
    public IReadOnlyList<LeaseData> Leases { get; init; } = [];

    /// <summary>Frames that the port sent and numbered.</summary>
    public long Numbered { get; init; }

    /// <summary>The descriptors, which have to be sockets of a family.</summary>
    /// <param name="what">What to call the port.</param>
    /// <param name="family">The family, AF_INET for example.</param>
    /// <exception cref="InvalidDataException">There is none, or one is something else.</exception>
    internal IReadOnlyList<FileDescriptor> RequireSockets(string what, int family) =>
        Descriptors.Count is > 0 and <= Port.QueuesMax
            && Descriptors.All(d => getsockopt(d.Value, SOL_SOCKET, SO_DOMAIN, out int domain) == 0 && domain == family)
                ? Descriptors
                : throw new InvalidDataException($"{what}: what was handed over is not 1 to {Port.QueuesMax} sockets of its kind");

    /// <summary>Closes the descriptors.</summary>
    public void Dispose()
    {
        foreach (FileDescriptor descriptor in Descriptors)
        {
            descriptor.Dispose();
        }
    }
}
