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

    /// <summary>What the port's class says of itself, but for its open files.</summary>
    public PortState State { get; init; } = new();

    /// <summary>What came in.</summary>
    public CountersRecord? Ingress { get; init; }

    /// <summary>What went out.</summary>
    public CountersRecord? Egress { get; init; }

    /// <summary>A guest's queues.</summary>
    public IReadOnlyList<QueueRecord> Queues { get; init; } = [];

    /// <summary>The part of the state that the port's class knows, with second descriptors of its files.</summary>
    /// <exception cref="InvalidDataException">It refers to descriptors that did not come.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public PortState ToState(DescriptorList descriptors) => State with { Descriptors = descriptors.DuplicateAll(Descriptors) };

    /// <summary>The same with what the port's class says of itself.</summary>
    /// <param name="state">What it says; its descriptors go to the list.</param>
    /// <param name="descriptors">The list.</param>
    public PortRecord With(PortState state, DescriptorList descriptors) => this with
    {
        Descriptors = descriptors.AddAll(state.Descriptors),
        State = state with { Descriptors = [] },
    };
}
