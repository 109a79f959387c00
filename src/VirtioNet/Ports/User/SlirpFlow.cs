namespace VhostNet.VirtioNet.Ports.User;

/// <summary>Whose flow a frame belongs to, as far as libslirp tells flows apart. A value, read once from the frame.</summary>
/// <param name="Kind">What libslirp may open for it.</param>
/// <param name="Source">The guest's address; an IPv4 one in the lowest 32 bits.</param>
/// <param name="SourcePort">The guest's port.</param>
/// <param name="Destination">Where to.</param>
/// <param name="DestinationPort">The port there.</param>
internal readonly record struct SlirpFlow(
    SlirpFlowKind Kind, UInt128 Source = default, ushort SourcePort = 0, UInt128 Destination = default, ushort DestinationPort = 0)
{
    /// <summary>True for a frame that may make libslirp open a socket of its own accord.</summary>
    public bool MayOpen => Kind is SlirpFlowKind.TcpOpen or SlirpFlowKind.Udp4 or SlirpFlowKind.Udp6 or SlirpFlowKind.Ping;
}
