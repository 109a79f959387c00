using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Handover;

/// <summary>A port as it stands. Descriptors are places in the list that comes along. Members may be added, never changed.</summary>
internal sealed record PortRecord
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its kind, as configuration spells it.</summary>
    public required string Kind { get; init; }

    /// <summary>The front end's session (<c>SessionSnapshot</c>), or null while there is none.</summary>
    public byte[]? Session { get; init; }

    /// <summary>The session's descriptors.</summary>
    public IReadOnlyList<int> SessionDescriptors { get; init; } = [];

    /// <summary>Sessions so far.</summary>
    public long Sessions { get; init; }

    /// <summary>The port's own open files.</summary>
    public IReadOnlyList<int> Descriptors { get; init; } = [];

    /// <summary>Frames that a receiver holds back.</summary>
    public IReadOnlyList<HeldFrame> Held { get; init; } = [];

    /// <summary>Index of its interface, or 0.</summary>
    public int InterfaceIndex { get; init; }

    /// <summary>Index of the bridge that the interface joined, or 0.</summary>
    public int BridgeIndex { get; init; }

    /// <summary>Whether the interface goes with the port.</summary>
    public bool IsOurs { get; init; }

    /// <summary>Whether the kernel takes UDP segmentation offload there.</summary>
    public bool HasUso { get; init; }

    /// <summary>The front end's process that was connected last.</summary>
    public ulong? Process { get; init; }

    /// <summary>Addresses given to clients.</summary>
    public IReadOnlyList<LeaseData> Leases { get; init; } = [];

    /// <summary>Frames sent and numbered.</summary>
    public long Numbered { get; init; }

    /// <summary>What came in.</summary>
    public CountersRecord? Ingress { get; init; }

    /// <summary>What went out.</summary>
    public CountersRecord? Egress { get; init; }

    /// <summary>A guest's queues.</summary>
    public IReadOnlyList<QueueRecord> Queues { get; init; } = [];

    /// <summary>The part of the state that the port's class knows, with second descriptors of its files.</summary>
    /// <exception cref="InvalidDataException">It refers to descriptors that did not come.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public PortState ToState(DescriptorList descriptors) => new()
    {
        Descriptors = descriptors.DuplicateAll(Descriptors),
        Held = Held,
        InterfaceIndex = InterfaceIndex,
        BridgeIndex = BridgeIndex,
        IsOurs = IsOurs,
        HasUso = HasUso,
        Process = Process,
        Leases = Leases,
        Numbered = Numbered,
    };

    /// <summary>The same with what the port's class says of itself.</summary>
    /// <param name="state">What it says; its descriptors go to the list.</param>
    /// <param name="descriptors">The list.</param>
    public PortRecord With(PortState state, DescriptorList descriptors) => this with
    {
        Descriptors = descriptors.AddAll(state.Descriptors),
        Held = state.Held,
        InterfaceIndex = state.InterfaceIndex,
        BridgeIndex = state.BridgeIndex,
        IsOurs = state.IsOurs,
        HasUso = state.HasUso,
        Process = state.Process,
        Leases = state.Leases,
        Numbered = state.Numbered,
    };
}
