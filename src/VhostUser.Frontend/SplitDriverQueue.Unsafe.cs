using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static VhostNet.VhostUser.Frontend.RingFlags;

namespace VhostNet.VhostUser.Frontend;

/// <summary>The driver's side of a split virtqueue (virtio 1.3 section 2.7).</summary>
/// <remarks>
/// SAFETY, for the whole file: the three area pointers lead into guest memory that the base class allocated with the sizes of section 2.7, and that the
/// owner of the queue keeps mapped while it uses the queue. Slots are masked with the queue size or taken from the private free list; ids that come back from
/// the device are checked against the queue size and the private state before they are used.
/// </remarks>
internal sealed unsafe class SplitDriverQueue : DriverQueue
{
    private readonly byte* _descriptors;
    private readonly byte* _avail;
    private readonly byte* _used;
    private readonly int _mask;
    private readonly bool _swap;
    private readonly ChainState[] _state;

    /// <summary>The free descriptors, and the descriptors of a chain, as linked lists; the device can't see or change these.</summary>
    private readonly ushort[] _link;

    private ushort _freeHead;
    private ushort _freeTail;
    private int _freeCount;
    private ushort _addedIndex;
    private ushort _publishedIndex;
    private ushort _kickedIndex;
    private ushort _collectedIndex;
    private bool _callsEnabled = true;

    /// <summary>In order: the oldest chain that was not collected, and the last chain of a batch that the device showed with one entry.</summary>
    private ushort _oldest;
    private bool _inBatch;
    private ushort _batchLast;
    private uint _batchLength;

    internal SplitDriverQueue(GuestMemory memory, DriverQueueOptions options)
        : base(memory, options, 6 + 2UL * (ulong)options.Size, 6 + 8UL * (ulong)options.Size)
    {
        _descriptors = (byte*)memory.HostAddress(DescriptorAddress);
        _avail = (byte*)memory.HostAddress(DriverAddress);
        _used = (byte*)memory.HostAddress(DeviceAddress);
        _mask = options.Size - 1;
        _swap = options.SwapBytes;
        _state = new ChainState[options.Size];
        _link = new ushort[options.Size];
        Initialise(options.Start ?? 0);
    }

    /// <inheritdoc/>
    public override int FreeDescriptors => _freeCount;

    /// <inheritdoc/>
    public override uint StartBase => Options.Start ?? 0;

    /// <inheritdoc/>
    public override uint RestartBase => Raw.UsedIndex;

    /// <inheritdoc/>
    public override uint DrainedBase => _publishedIndex;

    /// <inheritdoc/>
    public override bool HasUsed => LoadUsedIndexAcquire() != _collectedIndex;

    /// <inheritdoc/>
    public override int Add(ReadOnlySpan<GuestBuffer> buffers, ulong cookie = 0, bool indirect = false)
    {
        ArgumentOutOfRangeException.ThrowIfZero(buffers.Length);
        int needed = indirect ? 1 : buffers.Length;
        if (needed > _freeCount)
        {
            return -1;
        }

        ushort head = _freeHead;
        ref ChainState state = ref _state[head];
        state.Start(cookie, needed);
        if (indirect)
        {
            ulong table = WriteTable(ref state, head, buffers);
            WriteDescriptor(head, table, 16u * (uint)buffers.Length, VRING_DESC_F_INDIRECT, 0);
            state.Tail = head;
        }
        else
        {
            ushort slot = head;
            for (int i = 0; i < buffers.Length; i++)
            {
                ref readonly GuestBuffer buffer = ref buffers[i];
                ushort next = _link[slot];
                bool last = i == buffers.Length - 1;
                int flags = (last ? 0 : VRING_DESC_F_NEXT) | (buffer.Writable ? VRING_DESC_F_WRITE : 0);
                WriteDescriptor(slot, buffer.Address, buffer.Length, (ushort)flags, last ? (ushort)0 : next);
                state.WritableLength += buffer.Writable ? buffer.Length : 0;
                state.Tail = slot;
                slot = next;
            }
        }

        TakeFree(state.Tail, needed);
        WriteAvail(head);
        Outstanding++;
        return head;
    }

    /// <inheritdoc/>
    public override int AddBatch(ReadOnlySpan<GuestBuffer> buffers)
    {
        int count = Math.Min(buffers.Length, _freeCount);
        ChainState[] state = _state;
        ushort[] link = _link;
        ushort head = _freeHead, tail = head;
        for (int i = 0; i < count; i++)
        {
            ref readonly GuestBuffer buffer = ref buffers[i];
            tail = head;
            state[head].StartSingle(buffer, head);
            WriteDescriptor(head, buffer.Address, buffer.Length, buffer.Writable ? VRING_DESC_F_WRITE : (ushort)0, 0);
            WriteAvail(head);
            head = link[head];
        }

        if (count > 0)
        {
            TakeFree(tail, count);
            Outstanding += count;
        }

        return count;
    }

    /// <inheritdoc/>
    public override void Publish()
    {
        _publishedIndex = _addedIndex;

        // Release: pairs with the device's acquire load of the index, before it reads entries and descriptors.
        Volatile.Write(ref *(ushort*)(_avail + 2), RawRing.Swap(_publishedIndex, _swap));
    }

    /// <inheritdoc/>
    public override bool ShouldKick()
    {
        ushort old = _kickedIndex;
        _kickedIndex = _publishedIndex;

        // The avail index must be visible before the device's wish is read; pairs with the device's fence between its wish and its last look at the index.
        Interlocked.MemoryBarrier();
        return HasEventIndex ? NeedEvent(Raw.AvailEvent, _publishedIndex, old) : old != _publishedIndex && (Raw.UsedFlags & VRING_USED_F_NO_NOTIFY) == 0;
    }

    /// <inheritdoc/>
    public override int CollectUsed(Span<UsedChain> used)
    {
        ushort index = LoadUsedIndexAcquire();
        int ready = (ushort)(index - _collectedIndex);
        if (ready > Outstanding)
        {
            Violation($"the used index is {index}, but of the chains behind {_collectedIndex} only {Outstanding} were offered");
        }

        int count = Math.Min(ready, used.Length);
        if (count == 0)
        {
            return 0;
        }

        if (IsInOrder)
        {
            CollectInOrder(used[..count], ready);
        }
        else
        {
            Collect(used[..count]);
        }

        Outstanding -= count;
        if (_callsEnabled && HasEventIndex)
        {
            Raw.UsedEvent = _collectedIndex;
            Interlocked.MemoryBarrier();
        }

        return count;
    }

    /// <inheritdoc/>
    public override void DisableCalls()
    {
        _callsEnabled = false;
        if (HasEventIndex)
        {
            Raw.UsedEvent = (ushort)(_collectedIndex - 1);
        }
        else
        {
            Raw.AvailFlags = VRING_AVAIL_F_NO_INTERRUPT;
        }
    }

    /// <inheritdoc/>
    public override bool EnableCalls(int after = 1)
    {
        _callsEnabled = true;
        if (HasEventIndex)
        {
            Raw.UsedEvent = (ushort)(_collectedIndex + after - 1);
        }
        else
        {
            Raw.AvailFlags = 0;
        }

        // The wish must be visible before the used index is read again; pairs with the device's fence between the used index and its look at the wish.
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

        new Span<byte>(_descriptors, 16 * Size).Clear();
        new Span<byte>(_avail, 6 + 2 * Size).Clear();
        new Span<byte>(_used, 6 + 8 * Size).Clear();
        Initialise(Options.Start ?? 0);
    }

    private void Initialise(ushort start)
    {
        Array.Clear(_state);
        for (int i = 0; i < Size; i++)
        {
            _link[i] = (ushort)((i + 1) & _mask);
        }

        _freeHead = 0;
        _freeTail = (ushort)_mask;
        _freeCount = Size;
        _addedIndex = _publishedIndex = _kickedIndex = _collectedIndex = start;
        _oldest = 0;
        _inBatch = false;
        _callsEnabled = true;
        Outstanding = 0;
        Raw.AvailIndex = start;
        Raw.UsedIndex = start;
        Raw.UsedEvent = start;
        Raw.AvailEvent = start;
    }

    private void Collect(Span<UsedChain> used)
    {
        ushort index = _collectedIndex;
        ChainState[] state = _state;
        for (int i = 0; i < used.Length; i++)
        {
            ulong entry = *(ulong*)(_used + 4 + 8 * (index & _mask));
            uint id = RawRing.Swap((uint)entry, _swap);
            if (id >= (uint)state.Length || state[id].Count == 0)
            {
                Violation($"used entry {index & _mask} names chain {id}, which was not offered");
            }

            used[i] = Release((ushort)id, RawRing.Swap((uint)(entry >> 32), _swap));
            index++;
        }

        _collectedIndex = index;
    }

    /// <summary>
    /// The device may show a batch with one entry, which then names the last chain of it and stands at the place of the first; the others were used wholly.
    /// </summary>
    private void CollectInOrder(Span<UsedChain> used, int ready)
    {
        for (int i = 0; i < used.Length; i++)
        {
            ushort oldest = _oldest;
            if (!_inBatch)
            {
                (uint id, uint length) = Raw.GetUsed(_collectedIndex & _mask);
                if (id >= (uint)Size || _state[id].Count == 0)
                {
                    Violation($"used entry {_collectedIndex & _mask} names chain {id}, which was not offered");
                }

                (_inBatch, _batchLast, _batchLength) = (true, (ushort)id, length);
            }

            bool last = oldest == _batchLast;
            if (!last && ready - i == 1)
            {
                Violation($"the used index stops before chain {_batchLast}, which the used entry names as the last one; chain {oldest} is used out of order");
            }

            _oldest = (ushort)((oldest + _state[oldest].Count) & _mask);
            used[i] = Release(oldest, last ? _batchLength : _state[oldest].WritableLength);
            _inBatch = !last;
            _collectedIndex++;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private UsedChain Release(ushort id, uint length)
    {
        ref ChainState state = ref _state[id];
        if (_freeCount == 0)
        {
            _freeHead = id;
        }
        else
        {
            _link[_freeTail] = id;
        }

        _freeTail = state.Tail;
        _freeCount += state.Count;
        state.Count = 0;
        if (state.TableLength != 0)
        {
            state.FreeTable(Memory);
        }

        return new UsedChain(id, length, state.Cookie);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void TakeFree(ushort tail, int count)
    {
        _freeHead = _link[tail];
        _freeCount -= count;
    }

    private ulong WriteTable(ref ChainState state, ushort head, ReadOnlySpan<GuestBuffer> buffers)
    {
        ulong table = state.GetTable(Memory, IndirectTables, head, Options.IndirectLength, buffers.Length);
        byte* at = (byte*)Memory.HostAddress(table);
        for (int i = 0; i < buffers.Length; i++)
        {
            ref readonly GuestBuffer buffer = ref buffers[i];
            bool last = i == buffers.Length - 1;
            int flags = (last ? 0 : VRING_DESC_F_NEXT) | (buffer.Writable ? VRING_DESC_F_WRITE : 0);
            RawRing.WriteDescriptor(at + 16 * i, new RawDescriptor(buffer.Address, buffer.Length, (ushort)flags, last ? (ushort)0 : (ushort)(i + 1)), false, _swap);
            state.WritableLength += buffer.Writable ? buffer.Length : 0;
        }

        return table;
    }

    /// <summary>Stores a descriptor unless it is there already: an unchanged cache line stays with the device.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteDescriptor(ushort slot, ulong address, uint length, ushort flags, ushort next)
    {
        if (_swap)
        {
            RawRing.WriteDescriptor(_descriptors + 16 * slot, new RawDescriptor(address, length, flags, next), false, true);
            return;
        }

        Vector128<ulong> wanted = Vector128.Create(address, length | ((ulong)flags << 32) | ((ulong)next << 48));
        var at = (Vector128<ulong>*)(_descriptors + 16 * slot);
        if (*at != wanted)
        {
            *at = wanted;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteAvail(ushort head)
    {
        var entry = (ushort*)(_avail + 4 + 2 * (_addedIndex++ & _mask));
        ushort wanted = RawRing.Swap(head, _swap);
        if (*entry != wanted)
        {
            *entry = wanted;
        }
    }

    /// <summary>Acquire: pairs with the device's release store of the index, after it wrote entries and buffers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ushort LoadUsedIndexAcquire() => RawRing.Swap(Volatile.Read(ref *(ushort*)(_used + 2)), _swap);
}
