using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Networks;

/// <summary>
/// Joins ports: decides where a burst goes. Ports join and leave on the control thread; <see cref="Forward"/> runs on data threads at the same time.
/// </summary>
public abstract class Network
{
    /// <summary>More than any burst can cost: 13 days.</summary>
    private const long NoLimit = 1L << 50;

    /// <summary>Creates a network.</summary>
    /// <param name="name">Unique name, used in logs, metrics and the control API.</param>
    protected Network(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>The network's name.</summary>
    public string Name { get; }

    /// <summary>What kind of network this is, as configuration spells it (<c>wire</c>, <c>hairpin</c>, <c>switch</c>).</summary>
    public abstract string Kind { get; }

    /// <summary>The ports that are joined, in the order in which they came.</summary>
    public abstract IReadOnlyList<Port> Ports { get; }

    /// <summary>Joins a port. Control thread.</summary>
    /// <exception cref="InvalidOperationException">The network takes no further port.</exception>
    public abstract void Attach(Port port);

    /// <summary>Lets a port go; when this returns, no data thread delivers to it any more. Control thread.</summary>
    public abstract void Detach(Port port);

    /// <summary>
    /// Carries a burst from where it came in to the <see cref="Egress"/> of each port that gets frames of it. On the source's data thread.
    /// </summary>
    /// <param name="source">Where the frames came in: a queue of a port.</param>
    /// <param name="burst">The frames; valid until this returns.</param>
    /// <param name="waiter">Scheduled when a receiver that held frames back can take more; null when the source can't wait.</param>
    /// <returns>
    /// How many frames, from the first, are done with: delivered to all that get them, or dropped and counted. Fewer than the burst's only when a waiter was
    /// given, which then is or will be scheduled: when a receiver can take more, or at once when it was <see cref="FrameBurst.Budget"/> that was spent.
    /// </returns>
    public abstract int Forward(Ingress source, FrameBurst burst, BottomHalf? waiter);

    /// <summary>The one receive queue that all frames of <paramref name="source"/> go to, or null when a frame's header has to be seen first.</summary>
    public virtual RxQueue? DirectReceiver(Port source, int queue) => null;

    /// <summary>A port's <see cref="Port.Accepts"/> or <see cref="Port.IsUp"/> changed. Control thread.</summary>
    public abstract void PortChanged(Port port);

    /// <summary>
    /// A session begins at a port that is not the same guest's coming back: what the other ports keep for the last one is to go. Control thread.
    /// </summary>
    public virtual void GuestReplaced(Port port)
    {
    }

    /// <summary>
    /// Makes sure that the frames' turn has a budget. A source that keeps none begins a turn with each burst that finds the last one spent, and what can't come
    /// again, having no waiter, is done whatever it takes.
    /// </summary>
    protected static void BeginTurn(FrameBurst burst, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        burst.ComesAgain = waiter is not null;
        if (waiter is null)
        {
            burst.Budget = default;
            burst.Budget.Take(-NoLimit);
        }
        else if (burst.Budget.IsSpent)
        {
            burst.Budget = TurnBudget.Full;
        }
    }

    /// <summary>
    /// Ends what <see cref="BeginTurn"/> began: when frames are left because the turn's budget is spent, their source is scheduled to come again at once. So
    /// fewer frames done than given always means the same to it, that its waiter is or will be scheduled.
    /// </summary>
    /// <returns><paramref name="done"/>.</returns>
    protected static int EndTurn(FrameBurst burst, int done, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(burst);
        if (done < burst.Count && burst.Budget.IsSpent)
        {
            waiter?.Schedule();
        }

        return done;
    }

    /// <summary>
    /// Waits until every data thread that was forwarding for these ports when this was called has come back, so that none uses what was unpublished before.
    /// Control thread; a data thread never waits for that one while it forwards, so this ends after a burst's time.
    /// </summary>
    protected static void WaitForDataThreads(IEnumerable<Port> ports)
    {
        ArgumentNullException.ThrowIfNull(ports);

        // A data thread marks itself inside by a plain store and then reads what is published. This barrier on every thread stands in for the full fence that
        // it leaves out: each thread either is seen inside, or reads what the caller published.
        Interlocked.MemoryBarrierProcessWide();
        foreach (Port port in ports)
        {
            port.WaitForDataThreads();
        }
    }
}
