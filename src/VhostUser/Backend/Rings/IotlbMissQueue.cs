using System.Collections.Concurrent;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>
/// Carries I/O addresses that datapath threads could not translate to the control thread, which asks the front end for each page once. Until an answer comes,
/// the same page is not asked for again. An answer that does not allow the access is an access failure: the ring that waits is told so once, gives its chain
/// back as malformed, and asks anew when a later chain names the same page, because a front end does not tell when a guest maps it after all.
/// </summary>
internal sealed class IotlbMissQueue
{
    private const int PagesMax = 1024;
    private const int WaitingMax = 64;
    private const int PageShift = 12;
    private const ulong PageMask = (1UL << PageShift) - 1;

    private readonly ConcurrentQueue<(ulong Address, bool Write)> _misses = new();
    private readonly ConcurrentDictionary<(ulong Page, bool Write), ulong> _refused = new();
    private readonly Dictionary<(ulong Page, bool Write), ulong> _pending = [];
    private readonly BottomHalf _bottomHalf;
    private readonly Action<ulong, bool> _ask;
    private readonly Action<ulong, bool> _failed;

    /// <summary>Creates the queue.</summary>
    /// <param name="context">The control context.</param>
    /// <param name="ask">Asks the front end; control thread.</param>
    /// <param name="failed">An access failed: reports it and makes the rings look again; control thread.</param>
    public IotlbMissQueue(AioContext context, Action<ulong, bool> ask, Action<ulong, bool> failed)
    {
        _ask = ask;
        _failed = failed;
        _bottomHalf = context.CreateBottomHalf(Drain, "iotlb-miss");
    }

    /// <summary>Pages that were asked for, or refused, and are not settled: an answer is compared with each. Control thread.</summary>
    public int PendingCount => _pending.Count + _refused.Count;

    /// <summary>Reports a miss. Any thread.</summary>
    /// <returns>False when the front end has refused this access; the next miss of the page is asked for again.</returns>
    public bool Add(ulong address, bool write)
    {
        if (_refused.TryRemove((address >> PageShift, write), out _))
        {
            return false;
        }

        // A ring looks at the same chain again and again until the answer comes; a handful of waiting reports is enough.
        if (_misses.Count < WaitingMax)
        {
            _misses.Enqueue((address, write));
            _bottomHalf.Schedule();
        }

        return true;
    }

    /// <summary>Asks at once, unless that was done before and there is no answer yet, or it was a refusal. Control thread.</summary>
    public void Ask(ulong address, bool write)
    {
        if (_pending.Count >= PagesMax)
        {
            // Asking twice is harmless; remembering without bound is not.
            _pending.Clear();
        }

        (ulong Page, bool Write) key = (address >> PageShift, write);
        if (!_refused.ContainsKey(key) && _pending.TryAdd(key, address))
        {
            _ask(address, write);
        }
    }

    /// <summary>A translation came. What was asked for inside its range is answered by it, one way or the other. Control thread.</summary>
    /// <param name="entry">The translation.</param>
    /// <param name="space">The address space that results.</param>
    public void Answer(IotlbEntry entry, AddressSpace space)
    {
        foreach (((ulong Page, bool Write) key, ulong address) in _pending.ToArray())
        {
            if (IsIn(key.Page, entry))
            {
                _pending.Remove(key);
                if (!space.TryFind(address, out MemoryWindow window) || (key.Write && !window.Writable))
                {
                    Refuse(key, address);
                }
            }
        }

        foreach ((ulong Page, bool Write) key in _refused.Keys)
        {
            if (IsIn(key.Page, entry) && space.TryFind(key.Page << PageShift, out MemoryWindow window) && (window.Writable || !key.Write))
            {
                _refused.TryRemove(key, out _);
            }
        }
    }

    /// <summary>The front end says whether it could do what a miss asked for (REPLY_ACK). Control thread.</summary>
    public void Acknowledge(ulong address, bool write, bool good)
    {
        (ulong Page, bool Write) key = (address >> PageShift, write);
        if (_pending.Remove(key) && !good)
        {
            Refuse(key, address);
        }
    }

    /// <summary>Translations went, or are told anew: anything may be asked for again.</summary>
    public void Forget()
    {
        _pending.Clear();
        _refused.Clear();
    }

    /// <summary>No more callbacks.</summary>
    public void Close() => _bottomHalf.Delete();

    private static bool IsIn(ulong page, IotlbEntry entry) =>
        page << PageShift <= entry.Last && ((page << PageShift) | PageMask) >= entry.IoAddress;

    private void Refuse((ulong Page, bool Write) key, ulong address)
    {
        if (_refused.Count >= PagesMax)
        {
            _refused.Clear();
        }

        _refused[key] = address;
        _failed(address, key.Write);
    }

    private void Drain()
    {
        // A data thread adds the next one as fast as this thread takes one; what is left waits for the next pass.
        for (int i = 0; i < WaitingMax; i++)
        {
            if (!_misses.TryDequeue(out (ulong Address, bool Write) miss))
            {
                return;
            }

            Ask(miss.Address, miss.Write);
        }

        _bottomHalf.Schedule();
    }
}
