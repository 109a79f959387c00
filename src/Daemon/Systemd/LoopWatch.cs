using VhostNet.Aio;

namespace VhostNet.Daemon.Systemd;

/// <summary>Watches a loop without asking it, and so without waking it.</summary>
internal sealed class LoopWatch(AioContext context) : ILoopWatch
{
    private readonly AioLoopWatch _watch = new(context);

    /// <inheritdoc/>
    public string? Place
    {
        get
        {
            string? what = _watch.Last.Activity switch
            {
                AioActivity.BottomHalves => "a bottom half",
                AioActivity.Handlers => "a handler",
                AioActivity.Timers => "a timer",
                AioActivity.Looking => "a look for work",
                AioActivity.Outside => "something outside of its loop",
                _ => null,
            };
            return what is null || _watch.Last.Owner is not { } owner ? what : $"{what} of {owner}";
        }
    }

    /// <inheritdoc/>
    public long Passes => _watch.Last.Passes;

    /// <inheritdoc/>
    public long Look(long nowNs) => _watch.Look(nowNs);

    /// <inheritdoc/>
    public void End()
    {
        // Nothing of it is in the loop.
    }
}
