using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Virtqueues.Split;

/// <summary>The device's side of a split virtqueue (virtio 1.3 section 2.7).</summary>
/// <typeparam name="TOrder">The ring's byte order.</typeparam>
// SAFETY: the three areas were translated for the ring's whole size by whoever made the layout, and stay mapped until Relocate or Dispose, which need the same
// lock as every member that follows the pointers; after Dispose these are null, and every member leaves before it would follow one. Ring positions are masked
// with size - 1. The guest may change any of that memory at any time, so each value is loaded once into a local, checked there and used from there.
internal sealed unsafe partial class SplitVirtqueue<TOrder> : Virtqueue
    where TOrder : struct, IByteOrder
{
    /// <summary>VRING_USED_F_NO_NOTIFY.</summary>
    private const ushort USED_F_NO_NOTIFY = 1;

    /// <summary>VRING_AVAIL_F_NO_INTERRUPT.</summary>
    private const ushort AVAIL_F_NO_INTERRUPT = 1;

    private readonly PendingChains _chains = new();
    private UsedElement* _pending;
    private readonly ushort _mask;
    private SplitDescriptor* _descriptors;
    private ushort* _avail;
    private byte* _used;
    private BufferMapper _mapper;
    private ChainBurst? _burst;
    private int _peeked;
    private bool _mixed;

    // Descriptors read by the running peek beyond one for each head and two for each pair.
    private int _walked;
    private ushort _nextAvail;
    private ushort _availShadow;
    private ushort _seen;
    private ushort _usedIndex;
    private ushort _signalled;
    private bool _signalledValid;
    private bool _eventIndex;
    private bool _indirect;
    private bool _notificationsOff;

    public SplitVirtqueue(VirtqueueLayout layout, uint ringBase) : base(layout)
    {
        _mask = (ushort)(layout.Size - 1);
        _pending = _chains.Elements;
        _nextAvail = (ushort)ringBase;
        _availShadow = _nextAvail;
        ApplyLayout();
        _usedIndex = TOrder.Order(Volatile.Read(ref *(ushort*)(_used + 2)));
        _signalled = _usedIndex;
        _notificationsOff = !_eventIndex && *(ushort*)_used != 0;
    }

    public override uint Base => _nextAvail;

    public override bool HasAvailable => IsBroken ? Refuse() : LoadAvailIndexAcquire() != _nextAvail;

    private ref ushort AvailEvent => ref *(ushort*)(_used + 4 + (8 * Size));

    public override int Peek(ChainBurst burst, int max, ChainDirection direction)
    {
        burst.ResetSegments();
        _burst = burst;
        _peeked = 0;
        LastWalked = 0;
        max = Math.Min(max, ChainBurst.ChainsMax);
        int available = CountAvailable(max);
        LastPeekEnd = IsBroken ? PeekEnd.Broken : available < max ? PeekEnd.RingEmpty : PeekEnd.Wanted;
        if (available == 0)
        {
            return 0;
        }

        int count = ReadHeads(Math.Min(available, max));
        int read = count;
        bool write = direction == ChainDirection.Writable;
        ushort wanted = SplitDescriptor.FlagsOf(direction);
        _mixed = direction == ChainDirection.Mixed;
        _walked = _mapper.Pieces = 0;
        for (int i = 0; i < count; i++)
        {
            WorkWitness.Descriptor();
            SplitDescriptor descriptor = Unsafe.ReadUnaligned<SplitDescriptor>(_descriptors + _pending[i].Id);
            ushort flags = (ushort)(TOrder.Order(descriptor.flags) & (SplitDescriptor.F_NEXT | SplitDescriptor.F_WRITE | SplitDescriptor.F_INDIRECT));
            uint length = TOrder.Order(descriptor.len);
            if (flags == wanted && length != 0 && _mapper.TryTranslate(TOrder.Order(descriptor.addr), length, write, out nint host))
            {
                Chain* chain = burst.Chains + i;
                chain->Address = host;
                chain->Length = length;
                chain->TotalLength = length;
                chain->SegmentCount = 1;
                chain->Written = 0;
                Prefetch.Frame(host, write);
            }
            else if (flags == (wanted | SplitDescriptor.F_NEXT) && TryPair(burst, burst.Chains + i, descriptor, wanted))
            {
                read++;
            }
            else if (!GatherOrStop(burst, i, descriptor, write))
            {
                read -= count - i - 1;
                count = i;
            }
        }

        LastWalked = read + _walked + _mapper.Pieces;
        _peeked = count;
        burst.Count = count;
        return count;
    }

    public override void Complete(int count)
    {
        if (count <= 0)
        {
            return;
        }

        if (count > _peeked)
        {
            RefuseComplete(count, _peeked);
            return;
        }

        if (Layout.IsTracked)
        {
            TrackBeforePublish(count);
        }

        ulong* ring = (ulong*)(_used + 4);
        Chain* chains = _burst!.Chains;
        for (int i = 0; i < count; i++)
        {
            ulong value = TOrder.Order(_pending[i].Id) | ((ulong)TOrder.Order(chains[i].Written) << 32);
            ulong* slot = ring + ((_usedIndex + i) & _mask);

            // A store would take the cache line from the driver even when it changes nothing, and in a steady flow it mostly doesn't.
            if (Unsafe.ReadUnaligned<ulong>(slot) != value)
            {
                Unsafe.WriteUnaligned(slot, value);
            }
        }

        PublishUsedIndexRelease((ushort)(_usedIndex + count));
        if (Layout.IsTracked)
        {
            TrackAfterPublish(count);
        }

        _nextAvail += (ushort)count;
        _peeked = 0;
        Counters.Bursts++;
        Counters.Chains += count;
    }

    private protected override int CountWaiting(int count, int max) => Math.Max(count, Math.Min(Size, (ushort)(_availShadow - _nextAvail)));

    public override bool HasAtLeast(int count)
    {
        if (IsBroken)
        {
            return Refuse();
        }

        if ((ushort)(_availShadow - _nextAvail) < count)
        {
            _availShadow = LoadAvailIndexAcquire();
        }

        return (ushort)(_availShadow - _nextAvail) >= count;
    }

    public override void PrefetchNext(int count)
    {
        if (IsBroken)
        {
            Refuse();
            return;
        }

        count = Math.Min(count, (ushort)(_availShadow - _nextAvail));
        for (int i = 0; i < count; i++)
        {
            // The mask stands for the check that the entry gets when it is used: only an address inside the table is asked for.
            ushort head = TOrder.Order(_avail[2 + ((_nextAvail + i) & _mask)]);
            Prefetch.Read((nint)(_descriptors + (head & _mask)));
        }
    }

    private protected override void ApplyLayout()
    {
        _descriptors = (SplitDescriptor*)Layout.Descriptors;
        _avail = (ushort*)Layout.Driver;
        _used = (byte*)Layout.Device;
        _mapper = new BufferMapper(Layout.Buffers);
        _eventIndex = (Layout.Features & VirtioFeatures.EVENT_IDX) != 0;
        _indirect = (Layout.Features & VirtioFeatures.INDIRECT_DESC) != 0;
    }

    private protected override void Dispose(bool disposing)
    {
        _descriptors = null;
        _avail = null;
        _used = null;
        _pending = null;
        _burst = null;
        _peeked = 0;
        _mapper = new BufferMapper(Layout.Buffers);
        _chains.Dispose();
    }

    /// <summary>Acquire: pairs with the driver's barrier before it stores the index, so that the ring entries below it are seen.</summary>
    private ushort LoadAvailIndexAcquire() => TOrder.Order(Volatile.Read(ref _avail[1]));

    /// <summary>Release: pairs with the driver's acquire of the index; the used elements and the buffers' contents are seen with it.</summary>
    private void PublishUsedIndexRelease(ushort index)
    {
        _usedIndex = index;
        Volatile.Write(ref *(ushort*)(_used + 2), TOrder.Order(index));
    }

    private int CountAvailable(int max)
    {
        if (IsBroken)
        {
            Refuse();
            return 0;
        }

        int available = (ushort)(_availShadow - _nextAvail);
        if (available < max)
        {
            _availShadow = LoadAvailIndexAcquire();
            available = (ushort)(_availShadow - _nextAvail);
        }

        if (available > Size)
        {
            Break(ChainStatus.BrokenRing);
            return 0;
        }

        return available;
    }

    /// <summary>First stage of a burst: the heads, read once, and their descriptors on the way into the cache.</summary>
    private int ReadHeads(int count)
    {
        for (int i = 0; i < count; i++)
        {
            ushort head = TOrder.Order(_avail[2 + ((_nextAvail + i) & _mask)]);
            if (head > _mask)
            {
                // The chains before it are good and still returned.
                Break(ChainStatus.IndexOutOfRange);
                return i;
            }

            _pending[i].Id = head;
            Prefetch.Read((nint)(_descriptors + head));
        }

        return count;
    }

    /// <summary>The second most common chain: a header and a frame in a descriptor each. False leaves it to the general walk.</summary>
    private bool TryPair(ChainBurst burst, Chain* chain, SplitDescriptor first, ushort wanted)
    {
        ushort next = TOrder.Order(first.next);
        int start = burst.SegmentsUsed;
        if (next > _mask || start > ChainBurst.SegmentsMax - 2)
        {
            return false;
        }

        WorkWitness.Descriptor();
        SplitDescriptor second = Unsafe.ReadUnaligned<SplitDescriptor>(_descriptors + next);
        uint length = TOrder.Order(first.len);
        uint secondLength = TOrder.Order(second.len);
        bool write = wanted != 0;
        if (TOrder.Order(second.flags) != wanted || length == 0 || secondLength == 0 || length + secondLength < length
            || !_mapper.TryTranslate(TOrder.Order(first.addr), length, write, out nint host)
            || !_mapper.TryTranslate(TOrder.Order(second.addr), secondLength, write, out nint secondHost))
        {
            _walked++;
            return false;
        }

        GuestSegment* segments = burst.Segments + start;
        segments[0] = new GuestSegment(host, length);
        segments[1] = new GuestSegment(secondHost, secondLength);
        burst.SegmentsUsed = start + 2;
        chain->Address = host;
        chain->Length = length;
        chain->TotalLength = length + secondLength;
        chain->SegmentStart = start;
        chain->SegmentCount = 2;
        chain->Written = 0;
        Prefetch.Read(host);
        Prefetch.Read(secondHost);
        return true;
    }
}
