using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <summary>
/// Lets another event loop drive a context: prepare, query, (the other loop waits), check, dispatch. All on the home thread, or under the context's poll lock,
/// which may be let go during the wait.
/// </summary>
/// <remarks>
/// Not every prepare must be followed by a check: between the two, notifies cost a system call, and that is all. A context that is driven this way does not
/// poll in user space.
/// </remarks>
public sealed class AioOuterLoop
{
    private readonly AioContext _context;
    private readonly List<ulong> _tokens = [];

    internal AioOuterLoop(AioContext context, EventNotifier kick)
    {
        _context = context;
        Kick = kick;
    }

    /// <summary>Set by another poller that took an event which this loop sleeps for.</summary>
    internal EventNotifier Kick { get; }

    /// <summary>Announces the wait.</summary>
    /// <param name="timeoutNs">How long it may last in nanoseconds; 0 not at all, -1 for ever.</param>
    /// <returns>Whether there is something to dispatch already; wait and check can be left out then.</returns>
    public bool Prepare(out long timeoutNs)
    {
        timeoutNs = _context.OuterPrepare();
        return timeoutNs == 0;
    }

    /// <summary>Gets the descriptors to wait for.</summary>
    /// <param name="fds">Is filled as far as it goes.</param>
    /// <returns>How many there are; if that is more than fit, call it again with room for them.</returns>
    /// <exception cref="NotSupportedException">The context uses wait handles; see <see cref="QueryWaitHandles"/>.</exception>
    public int Query(Span<pollfd> fds)
    {
        _tokens.Clear();
        int count = _context.Monitor.Query(fds, _tokens);
        if (count < fds.Length)
        {
            fds[count] = new pollfd { fd = Kick.Fd, events = POLLIN };
        }

        return count + 1;
    }

    /// <summary>Gets the wait handles to wait for.</summary>
    /// <exception cref="NotSupportedException">The context uses descriptors; see <see cref="Query"/>.</exception>
    public IReadOnlyList<WaitHandle> QueryWaitHandles() => _context.Monitor is WaitHandleFdMonitor monitor
        ? [.. monitor.Query(), Kick.WaitHandle!]
        : throw new NotSupportedException($"Context '{_context.Name}' waits on descriptors; call Query.");

    /// <summary>Ends the wait.</summary>
    /// <param name="fds">What <see cref="Query"/> filled, with the events that were found. Empty with wait handles.</param>
    /// <returns>Whether there is something to dispatch.</returns>
    public bool Check(ReadOnlySpan<pollfd> fds) => _context.OuterCheck(fds, _tokens);

    /// <summary>Runs bottom halves, handlers and timers.</summary>
    /// <returns>As <see cref="AioContext.Poll"/>.</returns>
    public bool Dispatch() => _context.OuterDispatch();

    internal void Dispose() => Kick.Dispose();
}
