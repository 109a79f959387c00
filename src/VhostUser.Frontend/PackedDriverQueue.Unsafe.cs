using System.Runtime.CompilerServices;
using static VhostNet.VhostUser.Frontend.RingFlags;

namespace VhostNet.VhostUser.Frontend;

/// <summary>The driver's side of a packed virtqueue (virtio 1.3 section 2.8).</summary>
/// <remarks>
/// SAFETY, for the whole file: the three area pointers lead into guest memory that the base class allocated with the sizes of section 2.8, and that the
/// owner of the queue keeps mapped while it uses the queue. Slots are kept below the queue size by <see cref="Advance"/>; ids that come back from the device
/// are checked against the queue size and the private state before they are used.
/// </remarks>
internal sealed unsafe class PackedDriverQueue : DriverQueue
{
    private const int UsedBits = VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED;

    private readonly byte* _ring;
    private readonly ChainState[] _state;
    private int _freeIdHead;
    private int _freeIdTail;
    private int _freeSlots;
    private int _next;
    private bool _nextWrap;
    private int _published;
    private bool _publishedWrap;
    private ushort _publishedFlags;
    private int _unkicked;
    private int _unpublished;
    private int _oldest;
    private bool _oldestWrap;
    private bool _callsEnabled = true;
    private bool _inBatch;
    private ushort _batchLast;
    private uint _batchLength;

    internal PackedDriverQueue(GuestMemory memory, DriverQueueOptions options)
        : base(memory, options, 4, 4)
    {
        _ring = (byte*)memory.HostAddress(DescriptorAddress);
        _state = new ChainState[options.Size];
        Initialise();
    }

    /// <inheritdoc/>
    public override int FreeDescriptors => _freeSlots;

    /// <inheritdoc/>
    public override uint StartBase
    {
        get
        {
            uint half = Options.Start ?? 0x8000;
            return half | (half << 16);
        }
    }

    /// <inheritdoc/>
    public override uint RestartBase
    {
        get
        {
            (int slot, bool wrap) = (_oldest, _oldestWrap);
            for (int seen = 0; seen < Outstanding && IsUsed(slot, wrap); seen++)
            {
                ushort id = ReadId(slot);
                Advance(ref slot, ref wrap, id < Size ? _state[id].Count : 1);
            }

            uint half = Position(slot, wrap);
            return half | (half << 16);
        }
    }

    /// <inheritdoc/>
    public override uint DrainedBase
    {
        get
        {
            uint half = Position(_published, _publishedWrap);
            return half | (half << 16);
        }
    }

    /// <inheritdoc/>
    public override bool HasUsed => _inBatch || IsUsed(_oldest, _oldestWrap);

    /// <inheritdoc/>
    public override int Add(ReadOnlySpan<GuestBuffer> buffers, ulong cookie = 0, bool indirect = false)
    {
        ArgumentOutOfRangeException.ThrowIfZero(buffers.Length);
        int needed = indirect ? 1 : buffers.Length;
        if (needed > _freeSlots)
        {
            return -1;
        }

        int id = TakeId();
        ref ChainState state = ref _state[id];
        state.Start(cookie, needed);
        if (indirect)
        {
            ulong table = WriteTable(ref state, id, buffers);
            WriteSlot(table, 16u * (uint)buffers.Length, (ushort)id, VRING_DESC_F_INDIRECT);
        }
        else
        {
            for (int i = 0; i < buffers.Length; i++)
            {
                ref readonly GuestBuffer buffer = ref buffers[i];
                int flags = (i == buffers.Length - 1 ? 0 : VRING_DESC_F_NEXT) | (buffer.Writable ? VRING_DESC_F_WRITE : 0);
                WriteSlot(buffer.Address, buffer.Length, (ushort)id, flags);
                state.WritableLength += buffer.Writable ? buffer.Length : 0;
            }
        }

        _freeSlots -= needed;
        Outstanding++;
        return id;
    }

    /// <inheritdoc/>
    public override int AddBatch(ReadOnlySpan<GuestBuffer> buffers)
    {
        int count = Math.Min(buffers.Length, _freeSlots);
        for (int i = 0; i < count; i++)
        {
            ref readonly GuestBuffer buffer = ref buffers[i];
            int id = TakeId();
            ref ChainState state = ref _state[id];
            state.Cookie = buffer.Address;
            state.WritableLength = buffer.Writable ? buffer.Length : 0;
            state.Count = 1;
            WriteSlot(buffer.Address, buffer.Length, (ushort)id, buffer.Writable ? VRING_DESC_F_WRITE : 0);
        }

        _freeSlots -= count;
        Outstanding += count;
        return count;
    }

    /// <inheritdoc/>
    public override void Publish()
    {
        if (_unpublished == 0)
        {
            return;
        }

        // Release: pairs with the device's acquire load of these flags. The other descriptors' flags are set already, but the device stops at this one.
        Volatile.Write(ref *(ushort*)(_ring + 16 * _published + 14), _publishedFlags);
        _published = _next;
        _publishedWrap = _nextWrap;
        _unkicked += _unpublished;
        _unpublished = 0;
    }

    /// <inheritdoc/>
    public override bool ShouldKick()
    {
        int added = _unkicked;
        _unkicked = 0;

        // The descriptors must be visible before the device's wish is read; pairs with the device's fence between its wish and its last look at the ring.
        Interlocked.MemoryBarrier();
        uint wish = Raw.DeviceEvent;
        switch (wish >> 16)
        {
            case VRING_PACKED_EVENT_FLAG_DISABLE:
                return false;
            case VRING_PACKED_EVENT_FLAG_DESC when HasEventIndex:
                int eventSlot = (int)(wish & 0x7fff);
                if ((wish & 0x8000) != 0 != _publishedWrap)
                {
                    eventSlot -= Size;
                }

                return NeedEvent((ushort)eventSlot, (ushort)_published, (ushort)(_published - added));
            default:
                return added > 0;
        }
    }

    /// <inheritdoc/>
    public override int CollectUsed(Span<UsedChain> used)
    {
        int count = IsInOrder ? CollectInOrder(used) : Collect(used);
        Outstanding -= count;
        if (count > 0 && _callsEnabled && HasEventIndex)
        {
            StoreCallWish(0);
            Interlocked.MemoryBarrier();
        }

        return count;
    }

    /// <inheritdoc/>
    public override void DisableCalls()
    {
        _callsEnabled = false;
        Raw.DriverEvent = (uint)VRING_PACKED_EVENT_FLAG_DISABLE << 16;
    }

    /// <inheritdoc/>
    public override bool EnableCalls(int after = 1)
    {
        _callsEnabled = true;
        if (HasEventIndex)
        {
            StoreCallWish(after - 1);
        }
        else
        {
            Raw.DriverEvent = (uint)VRING_PACKED_EVENT_FLAG_ENABLE << 16;
        }

        // The wish must be visible before the ring is looked at again; pairs with the device's fence between the used descriptor and its look at the wish.
        Interlocked.MemoryBarrier();
        return !HasUsed;
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        foreach (ref ChainState state in _state.AsSpan())
        {
            state.FreeTable(Memory);
        }

        new Span<byte>(_ring, 16 * Size).Clear();
        Raw.DeviceEvent = 0;
        Initialise();
    }

    private void Initialise()
    {
        Array.Clear(_state);
        for (int i = 0; i < Size; i++)
        {
            _state[i].Tail = (ushort)(i + 1);
        }

        _freeIdHead = 0;
        _freeIdTail = Size - 1;
        _freeSlots = Size;
        ushort start = Options.Start ?? 0x8000;
        _next = _published = _oldest = start & 0x7fff;
        _nextWrap = _publishedWrap = _oldestWrap = (start & 0x8000) != 0;
        _unkicked = _unpublished = 0;
        _inBatch = false;
        _callsEnabled = true;
        Outstanding = 0;
        Raw.DriverEvent = 0;
        if (HasEventIndex)
        {
            StoreCallWish(0);
        }

        // A ring that starts elsewhere than at slot 0 with wrap counter 1 has been used before: every slot looks used in the lap before the one that begins.
        for (int i = 0; i < Size; i++)
        {
            bool lapWrap = i < _next ? _nextWrap : !_nextWrap;
            *(ushort*)(_ring + 16 * i + 14) = lapWrap ? (ushort)UsedBits : (ushort)0;
        }
    }

    private int Collect(Span<UsedChain> used)
    {
        int count = 0;
        while (count < used.Length && IsUsed(_oldest, _oldestWrap))
        {
            (ushort id, uint length) = ReadUsed();
            ref ChainState state = ref _state[id];
            Advance(ref _oldest, ref _oldestWrap, state.Count);
            used[count++] = Release(id, length);
        }

        return count;
    }

    /// <summary>The device may show a batch with one used descriptor, which then names the last chain of it and stands at the place of the first.</summary>
    private int CollectInOrder(Span<UsedChain> used)
    {
        int count = 0;
        while (count < used.Length)
        {
            if (!_inBatch)
            {
                if (!IsUsed(_oldest, _oldestWrap))
                {
                    break;
                }

                (_batchLast, _batchLength) = ReadUsed();
                _inBatch = true;
            }

            var id = (ushort)_oldest;
            ref ChainState state = ref _state[id];
            if (state.Count == 0)
            {
                Violation($"the used descriptor names chain {_batchLast} as the last of a batch, but the chains before it end at slot {_oldest}");
            }

            bool last = id == _batchLast;
            Advance(ref _oldest, ref _oldestWrap, state.Count);
            used[count++] = Release(id, last ? _batchLength : state.WritableLength);
            _inBatch = !last;
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (ushort Id, uint Length) ReadUsed()
    {
        byte* at = _ring + 16 * _oldest;
        ushort id = *(ushort*)(at + 12);
        if (id >= _state.Length || _state[id].Count == 0)
        {
            Violation($"used descriptor {_oldest} names chain {id}, which was not offered");
        }

        // Without the WRITE flag the length has no meaning (section 2.8.4).
        return (id, (*(ushort*)(at + 14) & VRING_DESC_F_WRITE) != 0 ? *(uint*)(at + 8) : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private UsedChain Release(ushort id, uint length)
    {
        ref ChainState state = ref _state[id];
        _freeSlots += state.Count;
        state.Count = 0;
        if (state.TableLength != 0)
        {
            state.FreeTable(Memory);
        }

        if (!IsInOrder)
        {
            if (_freeIdHead == Size)
            {
                _freeIdHead = id;
            }
            else
            {
                _state[_freeIdTail].Tail = id;
            }

            _freeIdTail = id;
            state.Tail = (ushort)Size;
        }

        return new UsedChain(id, length, state.Cookie);
    }

    /// <summary>In order, a chain's id is its first slot, so that the id of a batch's last chain says where the batch ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int TakeId()
    {
        if (IsInOrder)
        {
            return _next;
        }

        int id = _freeIdHead;
        _freeIdHead = _state[id].Tail;
        return id;
    }

    private ulong WriteTable(ref ChainState state, int id, ReadOnlySpan<GuestBuffer> buffers)
    {
        ulong table = state.GetTable(Memory, IndirectTables, id, Options.IndirectLength, buffers.Length);
        byte* at = (byte*)Memory.HostAddress(table);
        for (int i = 0; i < buffers.Length; i++)
        {
            ref readonly GuestBuffer buffer = ref buffers[i];
            RawRing.WriteDescriptor(at + 16 * i, new RawDescriptor(buffer.Address, buffer.Length, buffer.Writable ? VRING_DESC_F_WRITE : (ushort)0, (ushort)id), true, false);
            state.WritableLength += buffer.Writable ? buffer.Length : 0;
        }

        return table;
    }

    /// <summary>Fills the next slot. Only the first one since the last publication keeps its old flags, which holds back all of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteSlot(ulong address, uint length, ushort id, int flags)
    {
        byte* at = _ring + 16 * _next;
        flags |= _nextWrap ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED;
        *(ulong*)at = address;
        if (_unpublished++ == 0)
        {
            *(uint*)(at + 8) = length;
            *(ushort*)(at + 12) = id;
            _publishedFlags = (ushort)flags;
        }
        else
        {
            // One store for the rest of the descriptor. Release: a device that looks ahead must not see the flags before the address.
            Volatile.Write(ref *(ulong*)(at + 8), length | ((ulong)id << 32) | ((ulong)(ushort)flags << 48));
        }

        if (++_next == Size)
        {
            _next = 0;
            _nextWrap = !_nextWrap;
        }
    }

    /// <summary>Acquire: pairs with the device's release store of the flags, after it wrote id, length and buffers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsUsed(int slot, bool wrap)
    {
        int flags = Volatile.Read(ref *(ushort*)(_ring + 16 * slot + 14)) & UsedBits;
        return flags == (wrap ? UsedBits : 0);
    }

    private ushort ReadId(int slot) => *(ushort*)(_ring + 16 * slot + 12);

    private void StoreCallWish(int later)
    {
        (int slot, bool wrap) = (_oldest, _oldestWrap);
        Advance(ref slot, ref wrap, later);
        Raw.DriverEvent = Position(slot, wrap) | ((uint)VRING_PACKED_EVENT_FLAG_DESC << 16);
    }

    private static uint Position(int slot, bool wrap) => (uint)slot | (wrap ? 0x8000u : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Advance(ref int slot, ref bool wrap, int count)
    {
        slot += count;
        if (slot >= Size)
        {
            slot -= Size;
            wrap = !wrap;
        }
    }
}
