namespace VhostNet.Aio;

/// <summary>Watches the descriptors of one context.</summary>
internal abstract class FdMonitor(AioContext context) : IDisposable
{
    protected AioContext Context { get; } = context;

    /// <summary>A poll that does not block must nevertheless look at the descriptors.</summary>
    public virtual bool NeedWait => Context.PollDisableCount != 0;

    /// <summary>A handler was added (old is null), removed (new is null) or replaced. Any thread, under the context's handler lock.</summary>
    public abstract void Update(AioHandler? oldHandler, AioHandler? newHandler);

    /// <summary>Waits and marks the handlers that are ready. Home thread.</summary>
    /// <param name="timeoutNs">Nanoseconds; 0 only looks, negative waits for ever.</param>
    public abstract void Wait(long timeoutNs);

    public abstract void Dispose();
}
