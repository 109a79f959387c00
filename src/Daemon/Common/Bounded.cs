namespace VhostNet.Daemon.Common;

/// <summary>Ends things that may wait for somebody else's machine, disk or terminal, without waiting longer than the operator would.</summary>
internal static class Bounded
{
    /// <summary>
    /// Runs something on a thread of its own, which does not keep the process alive, and waits for it.
    /// </summary>
    /// <param name="action">What to do; what it throws is of no interest any more.</param>
    /// <param name="limit">How long to wait.</param>
    /// <returns>Whether it came to its end in time.</returns>
    public static bool Run(Action action, TimeSpan limit)
    {
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
#pragma warning disable CA1031 // It would end the process, which is ending.
            catch (Exception)
            {
                // What could not be pushed or written is lost.
            }
#pragma warning restore CA1031
        })
        {
            Name = "ending",
            IsBackground = true,
        };
        thread.Start();
        return thread.Join(limit);
    }
}
