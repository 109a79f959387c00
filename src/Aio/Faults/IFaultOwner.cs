namespace VhostNet.Aio.Faults;

/// <summary>
/// Answers for callbacks: a port, a session, anything that can go down alone. What was registered with a context inside <see cref="FaultScope.Enter"/> belongs
/// to that owner, and so does whatever its callbacks register later. An exception that leaves such a callback goes to its owner, and the loop goes on; only
/// what nobody answers for may end the process.
/// </summary>
internal interface IFaultOwner
{
    /// <summary>
    /// A callback of this owner threw. Called on the context's home thread, in the owner's scope, after the callback was left; the owner takes out of the loop
    /// what is its own, counts and logs. Until it has, the same callback may fault again, at every pass. Must not throw: that would be an exception that nobody
    /// answers for.
    /// </summary>
    /// <param name="callback">Name of the bottom half, or what kind of callback it was.</param>
    /// <param name="exception">What it threw.</param>
    void Fault(string callback, Exception exception);
}
