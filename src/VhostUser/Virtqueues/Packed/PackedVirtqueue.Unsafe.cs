using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Virtqueues.Packed;

/// <summary>The device's side of a packed virtqueue (virtio 1.3 section 2.8), always little-endian as VERSION_1 asks.</summary>
// SAFETY: the ring and both event areas were translated for the ring's whole size by whoever made the layout and stay mapped until Relocate or Dispose, which
// need the same lock as every member that follows the pointers; after Dispose these are null, and every member leaves before it would follow one. Slots are
// kept below size. The guest may change that memory at any time, so each value is loaded once into a local, checked there and used from there.
internal sealed unsafe partial class PackedVirtqueue : Virtqueue
{
    /// <summary>RING_EVENT_FLAGS_ENABLE, _DISABLE and _DESC (virtio 1.3 section 2.8.14).</summary>
    private const ushort RING_EVENT_FLAGS_ENABLE = 0, RING_EVENT_FLAGS_DISABLE = 1, RING_EVENT_FLAGS_DESC = 2;

    private const int DescriptorsPerLine = 64 / PackedDescriptor.Size;
    private const ushort StateBits = PackedDescriptor.F_AVAIL | PackedDescriptor.F_USED;
    private const ushort ChainBits = SplitDescriptor.F_NEXT | SplitDescriptor.F_WRITE | SplitDescriptor.F_INDIRECT;

    private readonly PendingChains _chains = new();
    private UsedElement* _pending;
    private readonly int _size;
    private PackedDescriptor* _ring;
    private ushort* _driverEvent;
    private ushort* _deviceEvent;
    private BufferMapper _mapper;
    private ChainBurst? _burst;
    private ChainDirection _direction;
    private int _peeked;
    private int _peekedSlots;

    // Descriptors read by the running peek beyond one for each chain.
    private int _walked;
    private PackedPosition _next;
    private PackedPosition _seen;
    private PackedPosition _used;
    private PackedPosition _signalled;
    private bool _signalledValid;
    private bool _eventIndex;
    private bool _indirect;
    private bool _inOrder;
    private bool _notificationsOff;

    public PackedVirtqueue(VirtqueueLayout layout, uint ringBase) : base(layout)
    {
        _size = layout.Size;
        _next = PackedPosition.Decode((ushort)ringBase);
        _used = PackedPosition.Decode((ushort)(ringBase >> 16));
        if (_next.Slot >= _size || _used.Slot >= _size)
        {
            throw new ArgumentException($"queue {layout.Index}: base 0x{ringBase:x} names slots {_next.Slot} and {_used.Slot}, the ring has {_size}", nameof(ringBase));
        }

        _pending = _chains.Elements;
        _signalled = _used;
        ApplyLayout();
        _notificationsOff = _deviceEvent[1] != RING_EVENT_FLAGS_ENABLE;
    }

    public override uint Base => _next.Encoded | ((uint)_used.Encoded << 16);

    public override bool HasAvailable => IsBroken ? Refuse() : IsAvailableAcquire(_next);

    public override int Peek(ChainBurst burst, int max, ChainDirection direction)
    {
        if (!TryBeginPeek(burst, direction))
        {
            return 0;
        }

        max = Math.Min(max, ChainBurst.ChainsMax);
        bool write = direction == ChainDirection.Writable;
        ushort wanted = SplitDescriptor.FlagsOf(direction);
        int slot = _next.Slot;
        ushort available = AvailableBits(_next.Wrap);
        int count = 0;
        for (; count < max; count++)
        {
            ushort flags = Volatile.Read(ref _ring[slot].flags);
            if ((flags & StateBits) != available || _peekedSlots == _size)
            {
                LastPeekEnd = PeekEnd.RingEmpty;
                break;
            }

            WorkWitness.Descriptor();
            PackedDescriptor descriptor = Unsafe.ReadUnaligned<PackedDescriptor>(_ring + slot);
            int slots = 1;
            if ((flags & ChainBits) == wanted && descriptor.len != 0 && descriptor.id < _size
                && _mapper.TryTranslate(descriptor.addr, descriptor.len, write, out nint host))
            {
                Chain* chain = burst.Chains + count;
                chain->Address = host;
                chain->Length = descriptor.len;
                chain->TotalLength = descriptor.len;
                chain->SegmentCount = 1;
                chain->Written = 0;
                _pending[count].Id = descriptor.id;
                Prefetch.Frame(host, write);
            }
            else
            {
                descriptor.flags = flags;
                slots = GatherOrStop(burst, count, descriptor, slot, write);
                if (slots == 0)
                {
                    break;
                }
            }

            _pending[count].Slots = (uint)slots;
            _peekedSlots += slots;
            slot += slots;
            if (slot >= _size)
            {
                slot -= _size;
                available ^= StateBits;
            }
        }

        LastWalked = count + _walked + _mapper.Pieces;
        _peeked = count;
        burst.Count = count;
        return count;
    }

    private bool TryBeginPeek(ChainBurst burst, ChainDirection direction)
    {
        burst.ResetSegments();
        _burst = burst;
        _direction = direction;
        _peeked = 0;
        _peekedSlots = 0;
        LastWalked = 0;
        _walked = _mapper.Pieces = 0;
        LastPeekEnd = IsBroken ? PeekEnd.Broken : PeekEnd.Wanted;
        return !IsBroken || Refuse();
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

        PackedPosition before = _used;
        if (_inOrder && _direction == ChainDirection.Readable)
        {
            CompleteInOrder(count);
        }
        else
        {
            CompleteEach(count);
        }

        if (Layout.IsTracked)
        {
            TrackAfterPublish(before, count);
        }

        _peeked = 0;
        Counters.Bursts++;
        Counters.Chains += count;
    }

    // The layout has no index to subtract: one burst of some looks for the last descriptor that is available.
    private protected override int CountWaiting(int count, int max)
    {
        const int looksEvery = 32;
        if (count < max || IsBroken)
        {
            return count;
        }

        if (Counters.Bursts % looksEvery != 0)
        {
            return Math.Max(count, (int)Counters.Waiting);
        }

        int least = count;
        int most = _size;
        while (least < most)
        {
            int middle = (least + most + 1) / 2;
            (least, most) = HasAtLeast(middle) ? (middle, most) : (least, middle - 1);
        }

        return least;
    }

    public override bool HasAtLeast(int count) => IsBroken ? Refuse() : count <= _size && IsAvailableAcquire(_next.Advance(count - 1, _size));

    public override void PrefetchNext(int count)
    {
        if (IsBroken)
        {
            Refuse();
            return;
        }

        int slot = _next.Slot;
        for (int i = 0; i < count; i += DescriptorsPerLine)
        {
            Prefetch.Read((nint)(_ring + slot));
            slot += DescriptorsPerLine;
            slot = slot >= _size ? slot - _size : slot;
        }
    }

    private protected override void ApplyLayout()
    {
        _ring = (PackedDescriptor*)Layout.Descriptors;
        _driverEvent = (ushort*)Layout.Driver;
        _deviceEvent = (ushort*)Layout.Device;
        _mapper = new BufferMapper(Layout.Buffers);
        _eventIndex = (Layout.Features & VirtioFeatures.EVENT_IDX) != 0;
        _indirect = (Layout.Features & VirtioFeatures.INDIRECT_DESC) != 0;
        _inOrder = (Layout.Features & VirtioFeatures.IN_ORDER) != 0;
    }

    private protected override void Dispose(bool disposing)
    {
        _ring = null;
        _driverEvent = null;
        _deviceEvent = null;
        _pending = null;
        _burst = null;
        _peeked = 0;
        _peekedSlots = 0;
        _mapper = new BufferMapper(Layout.Buffers);
        _chains.Dispose();
    }

    private static ushort AvailableBits(bool wrap) => wrap ? PackedDescriptor.F_AVAIL : PackedDescriptor.F_USED;

    /// <summary>Acquire: pairs with the driver's release of the descriptor's flags, so that the rest of it is seen.</summary>
    private bool IsAvailableAcquire(PackedPosition position) =>
        (Volatile.Read(ref _ring[position.Slot].flags) & StateBits) == AvailableBits(position.Wrap);

    private static ulong UsedWord(uint id, uint written, bool wrap)
    {
        ushort flags = (ushort)((wrap ? StateBits : 0) | (written != 0 ? SplitDescriptor.F_WRITE : 0));
        return written | ((ulong)(ushort)id << 32) | ((ulong)flags << 48);
    }

    /// <summary>One used descriptor with the last buffer's id stands for the whole batch (virtio 1.3 section 2.8.7).</summary>
    private void CompleteInOrder(int count)
    {
        int slots = _chains.Slots(count);
        PublishUsedRelease(_used, UsedWord(_pending[count - 1].Id, _burst!.Chains[count - 1].Written, _used.Wrap));
        _used = _used.Advance(slots, _size);
        _next = _next.Advance(slots, _size);
    }

    /// <summary>Writes the used descriptors back to front in effect: the first one's flags go last, so that the driver sees the burst at once.</summary>
    private void CompleteEach(int count)
    {
        Chain* chains = _burst!.Chains;
        ulong first = UsedWord(_pending[0].Id, chains[0].Written, _used.Wrap);
        int slots = (int)_pending[0].Slots;
        PackedPosition at = _used.Advance(slots, _size);
        for (int i = 1; i < count; i++)
        {
            UsedElement element = _pending[i];

            // The second half of a descriptor (len, id, flags) is one aligned 8-byte store.
            *((ulong*)(_ring + at.Slot) + 1) = UsedWord(element.Id, chains[i].Written, at.Wrap);
            at = at.Advance((int)element.Slots, _size);
            slots += (int)element.Slots;
        }

        PublishUsedRelease(_used, first);
        _used = at;
        _next = _next.Advance(slots, _size);
    }

    /// <summary>Release: pairs with the driver's acquire of the flags; everything stored before is seen with it.</summary>
    private void PublishUsedRelease(PackedPosition position, ulong word) => Volatile.Write(ref *((ulong*)(_ring + position.Slot) + 1), word);
}
