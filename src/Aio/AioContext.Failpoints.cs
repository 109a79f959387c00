using System.Runtime.CompilerServices;
using VhostNet.Aio.Failpoints;

namespace VhostNet.Aio;

/// <content>Where tests step in. Nothing of it is in the code of a process without failpoints (see <see cref="FailpointSwitch"/>).</content>
public sealed partial class AioContext
{
    private readonly AioFailpoints? _failpoints;

    internal AioContext(AioContextOptions? options, AioFailpoints failpoints)
        : this(options)
    {
        if (!FailpointSwitch.IsOn)
        {
            throw new InvalidOperationException($"Failpoints need the runtime switch '{FailpointSwitch.Name}', which is off. Set it to true in the program's runtime configuration.");
        }

        _failpoints = failpoints;
    }

    /// <summary>What a test does at this context's failpoints; null outside tests.</summary>
    internal AioFailpoints? Failpoints => FailpointSwitch.IsOn ? _failpoints : null;

    /// <summary>The state of the notification protocol, for a failpoint.</summary>
    internal ref NotifyState NotifyState => ref _state;

    /// <summary>The home thread's state, for a failpoint.</summary>
    internal ref HomeState HomeState => ref _home;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Reach(Failpoint point)
    {
        if (FailpointSwitch.IsOn)
        {
            _failpoints?.Reach(point, this);
        }
    }

    /// <summary>Whether a test wants what follows the failpoint to be left out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool LeavesOut(Failpoint point) => FailpointSwitch.IsOn && _failpoints is { } failpoints && failpoints.LeavesOut(point, this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long WaitTime(long timeout) => FailpointSwitch.IsOn && _failpoints?.OnWait is { } onWait ? onWait(timeout) : timeout;
}
