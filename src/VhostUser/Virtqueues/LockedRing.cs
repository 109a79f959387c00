namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// The proof that a ring runs and that its lock is held, and the only way to its descriptors. It lives on the stack; <see cref="Dispose"/> gives the lock back,
/// after which neither it nor what it gave may be used.
/// </summary>
/// <remarks>
/// Hot loops stand in a member of their own, called within try and finally by the one that holds this: an exception leaves no lock taken, and the loop has no
/// handler around it that would keep its variables out of registers.
/// </remarks>
public readonly ref struct LockedRing
{
    internal LockedRing(Virtqueue queue) => Queue = queue;

    /// <summary>The ring; not to be kept.</summary>
    public Virtqueue Queue { get; }

    /// <summary>Gives the lock back; once.</summary>
    public void Dispose() => Queue.Lock.Exit();
}
