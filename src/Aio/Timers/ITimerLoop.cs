using VhostNet.Aio.Faults;

namespace VhostNet.Aio.Timers;

/// <summary>What a list of timers needs of the loop that runs it. Home thread unless marked otherwise.</summary>
internal interface ITimerLoop
{
    /// <summary>Name for messages. Any thread.</summary>
    string Name { get; }

    /// <summary>The calling thread knows whether a timer in the batch will still be called: it is the one that calls. Any thread.</summary>
    bool KnowsBatch { get; }

    /// <summary>On whose behalf the home thread registers.</summary>
    FaultFrame Frame { get; }

    /// <summary>Has the loop look at its timers again. Any thread.</summary>
    void Notify();

    /// <summary>A list has a timer, or has none any more. Any thread.</summary>
    void CountArmedList(bool armed);

    /// <summary>Timers begin to run.</summary>
    /// <returns>What to give to <see cref="EndTimers"/>.</returns>
    (IFaultOwner? Owner, byte Activity) BeginTimers();

    /// <summary>They have run.</summary>
    void EndTimers((IFaultOwner? Owner, byte Activity) outer, int count);

    /// <summary>Whether an owner answers for an exception; a filter.</summary>
    bool Answers(IFaultOwner? owner, Exception exception);

    /// <summary>Hands an exception to its owner.</summary>
    void Report(IFaultOwner owner, string callback, Exception exception);
}
