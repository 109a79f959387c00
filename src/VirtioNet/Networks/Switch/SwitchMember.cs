using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.RateLimits;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>A port's lasting part in a switch: its number, its options, its storm control. Options are changed on the control thread.</summary>
internal sealed class SwitchMember
{
    public SwitchMember(Port port, int slot, SwitchPortOptions options, AioClock clock)
    {
        Port = port;
        Slot = slot;
        Configure(options, clock);
        Options = options;
    }

    public Port Port { get; }

    public int Slot { get; }

    public SwitchPortOptions Options { get; private set; }

    /// <summary>Limits broadcasts; null when they are not limited.</summary>
    public RateLimiter? BroadcastLimit { get; private set; }

    /// <summary>Limits multicasts.</summary>
    public RateLimiter? MulticastLimit { get; private set; }

    /// <summary>Limits frames to unknown addresses.</summary>
    public RateLimiter? UnknownLimit { get; private set; }

    /// <summary>Takes new options; a limit that stays the same keeps its tokens.</summary>
    public void Configure(SwitchPortOptions options, AioClock clock)
    {
        Options = options;
        Port.EgressRetries = options.Retries;
        BroadcastLimit = Limit(BroadcastLimit, options.Storm.BroadcastPerSecond, clock);
        MulticastLimit = Limit(MulticastLimit, options.Storm.MulticastPerSecond, clock);
        UnknownLimit = Limit(UnknownLimit, options.Storm.UnknownPerSecond, clock);
    }

    /// <summary>Sums up what the port's queues counted for frames to another port.</summary>
    public SwitchPairCounters ReadPair(int slot)
    {
        var sum = default(SwitchPairCounters);
        foreach (Ingress queue in Port.Ingresses)
        {
            if (queue.NetworkState is SwitchSource source)
            {
                sum = sum.Plus(source.Pair(slot));
            }
        }

        return sum;
    }

    private static RateLimiter? Limit(RateLimiter? present, long perSecond, AioClock clock) => perSecond <= 0
        ? null
        : present?.Limit.FramesPerSecond == perSecond ? present : new RateLimiter(new RateLimit { FramesPerSecond = perSecond }, clock);
}
