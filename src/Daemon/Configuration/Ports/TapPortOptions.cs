using VhostNet.VirtioNet.Ports.Tap;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>What a <c>tap</c> port is asked to be.</summary>
/// <param name="Interface">The interface; its owner and group are those below, once they are looked up.</param>
internal sealed record TapPortOptions(TapOptions Interface)
{
    /// <summary>Name or number of the user that may open the interface later, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>Name or number of the group that may open the interface later, or null.</summary>
    public string? Group { get; init; }
}
