namespace VhostNet.Aio.Monitors;

/// <summary>Watches the descriptors of one context.</summary>
internal abstract class FdMonitor(IHandlerLoop loop) : IDisposable
{
    protected IHandlerLoop Loop { get; } = loop;

    /// <summary>The monitor has something that needs <see cref="Wait"/>, although nobody wants to sleep. Home thread; no system call.</summary>
    public virtual bool NeedWait => false;

    /// <summary>Events are noticed without a system call, so that a handler need not be polled to be noticed in time.</summary>
    public virtual bool NoticesInUserSpace => false;

    /// <summary>Waiting takes the event of the context's own notifier, which need not be cleared then.</summary>
    public virtual bool TakesNotifierEvents => false;

    /// <summary>A handler was added (old is null), removed (new is null) or replaced. Any thread, under the context's handler lock.</summary>
    /// <exception cref="ErrnoException">The descriptor can't be watched; the monitor is as it was.</exception>
    public abstract void Update(AioHandler? oldHandler, AioHandler? newHandler);

    /// <summary>Makes sure that <see cref="NeedWait"/> sees events while the context polls in user space. Home thread.</summary>
    public virtual void PreparePolling()
    {
    }

    /// <summary>Waits and marks the handlers that are ready. Home thread.</summary>
    /// <param name="timeoutNs">Nanoseconds; 0 only looks, -1 waits for ever.</param>
    public abstract void Wait(long timeoutNs);

    /// <summary>Gives an outer loop the descriptors to wait for. Home thread.</summary>
    /// <param name="fds">Is filled as far as it goes.</param>
    /// <param name="tokens">Gets one number for each descriptor, for <see cref="Take"/>.</param>
    /// <returns>How many there are.</returns>
    public abstract int Query(Span<pollfd> fds, List<ulong> tokens);

    /// <summary>
    /// Makes sure that the descriptors of an earlier <see cref="Query"/> report every event, although <see cref="Wait"/> was called since. Home thread.
    /// </summary>
    public virtual void LeaveArmed()
    {
    }

    /// <summary>Takes what an outer loop's wait found. Home thread.</summary>
    public abstract void Take(ReadOnlySpan<pollfd> fds, List<ulong> tokens);

    public abstract void Dispose();
}
