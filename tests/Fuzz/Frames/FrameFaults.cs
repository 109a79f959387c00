using VhostNet.VirtioNet.Networks;

namespace VhostNet.Fuzz.Frames;

/// <summary>What is wrong with the device on purpose; by default nothing.</summary>
internal sealed record FrameFaults
{
    public static FrameFaults None { get; } = new();

    /// <summary>The features that the device believes the guest to have acknowledged.</summary>
    public Func<ulong, ulong> Negotiated { get; init; } = f => f;

    /// <summary>Stands between the network and each receiver; null for nobody.</summary>
    public InterposedPort.Meddler? Delivery { get; init; }

    /// <summary>The port that joins the network for a receiver.</summary>
    public Port Joined(FrameGuest guest) => Delivery is null ? guest.Port : new InterposedPort(guest.Port, Delivery);
}
