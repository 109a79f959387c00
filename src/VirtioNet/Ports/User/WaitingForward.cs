namespace VhostNet.VirtioNet.Ports.User;

/// <summary>A guest's connection to a forward whose server has not taken it yet.</summary>
/// <param name="Fd">The library's descriptor.</param>
/// <param name="End">The other end of it, ours.</param>
/// <param name="Forward">Where it is to lead.</param>
/// <param name="SinceNs">When the guest connected.</param>
internal sealed record WaitingForward(int Fd, FileDescriptor End, GuestForward Forward, long SinceNs);
