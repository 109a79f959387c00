using System.Collections.Concurrent;
using VhostNet.Aio;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// Carries I/O addresses that datapath threads could not translate to the control thread, which asks the front end for each page once. Until the update comes,
/// the same page is not asked for again.
/// </summary>
internal sealed class IotlbMissQueue
{
    private const int PendingMax = 4096;
    private const int PageShift = 12;

    private readonly ConcurrentQueue<(ulong Address, bool Write)> _misses = new();
    private readonly HashSet<(ulong Page, bool Write)> _pending = [];
    private readonly BottomHalf _bottomHalf;
    private readonly Action<ulong, bool> _ask;

    /// <summary>Creates the queue.</summary>
    /// <param name="context">The control context.</param>
    /// <param name="ask">Asks the front end; control thread.</param>
    public IotlbMissQueue(AioContext context, Action<ulong, bool> ask)
    {
        _ask = ask;
        _bottomHalf = context.CreateBottomHalf(Drain, "iotlb-miss");
    }

    /// <summary>Reports a miss. Any thread.</summary>
    public void Add(ulong address, bool write)
    {
        // A ring looks at the same chain again and again until the answer comes; a handful of waiting reports is enough.
        if (_misses.Count < 64)
        {
            _misses.Enqueue((address, write));
            _bottomHalf.Schedule();
        }
    }

    /// <summary>Asks at once, unless that was done before. Control thread.</summary>
    public void Ask(ulong address, bool write)
    {
        if (_pending.Count >= PendingMax)
        {
            // Asking twice is harmless; remembering without bound is not.
            _pending.Clear();
        }

        if (_pending.Add((address >> PageShift, write)))
        {
            _ask(address, write);
        }
    }

    /// <summary>Translations changed: anything may be asked for again.</summary>
    public void Forget() => _pending.Clear();

    /// <summary>No more callbacks.</summary>
    public void Close() => _bottomHalf.Delete();

    private void Drain()
    {
        while (_misses.TryDequeue(out (ulong Address, bool Write) miss))
        {
            Ask(miss.Address, miss.Write);
        }
    }
}
