namespace VhostNet.Aio.Monitors;

/// <summary>Waits on .NET wait handles: portable, for event notifiers only, at most 63 of them.</summary>
internal sealed class WaitHandleFdMonitor(IHandlerLoop loop) : FdMonitor(loop)
{
    /// <summary>What WaitHandle.WaitAny takes.</summary>
    private const int MaxHandles = 64;

    private readonly List<AioHandler> _handlers = [];
    private AioHandler[] _snapshot = [];
    private volatile bool _changed;

    public override bool NeedWait => true;

    public override void Update(AioHandler? oldHandler, AioHandler? newHandler)
    {
        lock (_handlers)
        {
            if (oldHandler is null && _handlers.Count == MaxHandles)
            {
                throw new NotSupportedException($"Context '{Loop.Name}' waits on {MaxHandles} wait handles already, its own included; that is all that WaitHandle.WaitAny can do.");
            }

            if (oldHandler is not null)
            {
                _handlers.Remove(oldHandler);
            }

            if (newHandler is not null)
            {
                _handlers.Add(newHandler);
            }

            _changed = true;
        }
    }

    /// <summary>The handlers to wait for, the context's own notifier first.</summary>
    public AioHandler[] Handlers()
    {
        if (_changed)
        {
            lock (_handlers)
            {
                _changed = false;
                _snapshot = [.. _handlers];
            }
        }

        return _snapshot;
    }

    /// <summary>The handles to wait for.</summary>
    public IEnumerable<WaitHandle> Query() => Handlers().Select(static h => h.WaitHandle!);

    /// <summary>Waits for one of the first <paramref name="count"/> handlers, from which it takes those out that were removed meanwhile.</summary>
    /// <returns>Its index, or -1 if none was signalled in time.</returns>
    public int WaitAny(AioHandler[] handlers, ref int count, long timeoutNs)
    {
        for (int i = count - 1; i >= 0; i--)
        {
            if (!handlers[i].IsDeleted && handlers[i].WaitHandle!.SafeWaitHandle.IsClosed)
            {
                Loop.LoseHandler(handlers[i].Token);
            }

            if (handlers[i].IsDeleted)
            {
                handlers[i] = handlers[--count];
            }
        }

        if (count == 0)
        {
            return -1;
        }

        WaitHandle[] handles = new WaitHandle[count];
        for (int i = 0; i < count; i++)
        {
            handles[i] = handlers[i].WaitHandle!;
        }

        int ms = timeoutNs < 0 ? Timeout.Infinite : (int)Math.Min(int.MaxValue, (timeoutNs + 999_999) / 1_000_000);
        int index = WaitHandle.WaitAny(handles, ms);
        return index == WaitHandle.WaitTimeout ? -1 : index;
    }

    /// <summary>Marks everything that is signalled; with a time-out, waits for the first.</summary>
    public override void Wait(long timeoutNs)
    {
        AioHandler[] handlers = (AioHandler[])Handlers().Clone();
        int count = handlers.Length;
        while (count > 0)
        {
            int index = WaitAny(handlers, ref count, timeoutNs);
            if (index < 0)
            {
                return;
            }

            Loop.MarkReady(handlers[index].Token, POLLIN);
            handlers[index] = handlers[--count];
            timeoutNs = 0;
        }
    }

    public override int Query(Span<pollfd> fds, List<ulong> tokens) =>
        throw new NotSupportedException($"Context '{Loop.Name}' waits on wait handles; call QueryWaitHandles.");

    public override void Take(ReadOnlySpan<pollfd> fds, List<ulong> tokens) => Wait(0);

    public override void Dispose()
    {
    }
}
