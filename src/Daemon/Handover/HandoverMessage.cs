namespace VhostNet.Daemon.Handover;

/// <summary>One message that came from the other process.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="Payload">Its bytes.</param>
/// <param name="Descriptors">What came along; owned by this object until somebody takes one.</param>
internal sealed record HandoverMessage(HandoverKind Kind, byte[] Payload, DescriptorList Descriptors) : IDisposable
{
    /// <summary>Closes the descriptors.</summary>
    public void Dispose() => Descriptors.Dispose();
}
