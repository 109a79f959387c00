using VhostNet.Aio.Faults;

namespace VhostNet.Aio;

/// <summary>
/// How far a loop has come, as any thread can read it without asking the loop (<see cref="AioContext.Progress"/>). Two equal values, read one after the other,
/// of a loop that is not <see cref="AioActivity.Asleep"/> mean that it stood still between them; <see cref="AioLoopWatch"/> says for how long.
/// </summary>
public readonly record struct AioProgress
{
    /// <summary>Passes that were begun. They go on while a callback polls.</summary>
    public long Passes { get; init; }

    /// <summary>Callbacks that were called, so that a long pass shows as movement too. Timers are counted at the end of their pass.</summary>
    public long Callbacks { get; init; }

    /// <summary>What it is doing.</summary>
    public AioActivity Activity { get; init; }

    /// <summary>Who answers for the callback that runs; null for nobody, or if none runs.</summary>
    internal IFaultOwner? Owner { get; init; }
}
