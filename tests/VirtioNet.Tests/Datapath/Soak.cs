using System.Diagnostics;
using System.Globalization;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>Drives directions of a soak to their end.</summary>
internal static class Soak
{
    private const uint FramesByDefault = 10_000;

    /// <summary>A run that makes no progress for this long has lost something.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    /// <summary>Frames of each direction; the environment's VHOSTNET_SOAK_FRAMES for a long soak.</summary>
    public static uint Frames { get; } =
        Environment.GetEnvironmentVariable("VHOSTNET_SOAK_FRAMES") is { } text ? uint.Parse(text, CultureInfo.InvariantCulture) : FramesByDefault;

    /// <summary>Sends and receives until every frame has arrived.</summary>
    public static void Run(SoakTraffic[] directions, params GuestRig[] guests)
    {
        foreach (SoakTraffic direction in directions)
        {
            // Buffers first: not every network waits for a receiver that has none.
            direction.Receive();
        }

        long lastProgress = Stopwatch.GetTimestamp();
        while (directions.Any(d => d.Received < Frames))
        {
            int moved = directions.Sum(d => d.Send(Frames) + d.Receive());
            if (moved > 0)
            {
                lastProgress = Stopwatch.GetTimestamp();
            }
            else
            {
                Assert.True(Stopwatch.GetElapsedTime(lastProgress) < s_patience, Describe(directions, guests));
                Thread.Yield();
            }
        }
    }

    private static string Describe(SoakTraffic[] directions, GuestRig[] guests) =>
        "no progress: " + string.Join("; ", directions.Select(d => $"sent {d.Sent}, received {d.Received}"))
        + "; " + string.Join("; ", guests.Select(g =>
            $"{g.Port.Name}: tx {g.Port.Pairs[0].Tx.Counters.Frames} drops {g.Port.Pairs[0].Tx.Counters.DroppedTotal} rx {g.Port.Pairs[0].Rx.Counters.Frames} "
            + $"drops {g.Port.Pairs[0].Rx.Counters.DroppedTotal} last error {g.TxDevice.LastError} {g.RxDevice.LastError}"));
}
