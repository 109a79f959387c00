namespace VhostNet.VhostUser.Memory;

/// <summary>
/// The I/O translations that the front end has told so far ("IOMMU support"). Rings and buffers never see it: after each change they are handed an address
/// space made of it and of the memory table. Control thread.
/// </summary>
internal sealed class Iotlb
{
    /// <summary>Most entries kept; the oldest ones make room, and are asked for again when they are needed.</summary>
    public const int EntriesMax = 4096;

    /// <summary>
    /// Most windows made of them: an entry that spans regions makes one for each, and building them is work of the control thread, which all guests share. The
    /// oldest entries make room.
    /// </summary>
    public const int WindowsMax = 2 * EntriesMax;

    private readonly LinkedList<IotlbEntry> _entries = new();
    private AddressSpace? _space;
    private long _evicted;
    private MemoryTable? _spaceMemory;

    /// <summary>Most entries kept by this one, <see cref="EntriesMax"/> at most.</summary>
    public int Limit { get; set; } = EntriesMax;

    /// <summary>The translations, oldest first.</summary>
    public IReadOnlyCollection<IotlbEntry> Entries => _entries;

    /// <summary>Adds a translation; what it overlaps is forgotten there.</summary>
    /// <returns>False when the range is empty or runs past the end of an address space.</returns>
    public bool Update(IotlbEntry entry)
    {
        if (entry.Size == 0 || entry.Last < entry.IoAddress || entry.UserAddress + (entry.Size - 1) < entry.UserAddress)
        {
            return false;
        }

        Cut(entry.IoAddress, entry.Last);
        _entries.AddLast(entry);
        Changed();
        return true;
    }

    /// <summary>Forgets a range; a range that runs past the end of the address space ends there.</summary>
    public void Invalidate(ulong address, ulong size)
    {
        if (size == 0)
        {
            return;
        }

        ulong last = address + (size - 1);
        Cut(address, last < address ? ulong.MaxValue : last);
        Changed();
    }

    /// <summary>How many entries made room since the last call.</summary>
    internal long TakeEvicted()
    {
        long evicted = _evicted;
        _evicted = 0;
        return evicted;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _entries.Clear();
        _space = null;
    }

    /// <summary>The address space that results; the same object until something changes.</summary>
    public AddressSpace GetSpace(MemoryTable memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (_space is null || _spaceMemory != memory)
        {
            _space = Build(memory);
            _spaceMemory = memory;
        }

        return _space;
    }

    /// <summary>Cutting a piece out of an entry's middle leaves two, so removing can add up as well.</summary>
    private void Changed()
    {
        while (_entries.Count > Limit)
        {
            _entries.RemoveFirst();
            _evicted++;
        }

        _space = null;
    }

    private AddressSpace Build(MemoryTable memory)
    {
        var windows = new List<MemoryWindow>(_entries.Count);
        for (LinkedListNode<IotlbEntry>? node = _entries.Last; node is not null;)
        {
            LinkedListNode<IotlbEntry>? older = node.Previous;
            if (windows.Count >= WindowsMax)
            {
                _entries.Remove(node);
                _evicted++;
            }
            else if ((node.Value.Permission & (IotlbEntry.ReadPermission | IotlbEntry.WritePermission)) != 0)
            {
                AddWindows(windows, node.Value, memory.User);
            }

            node = older;
        }

        windows.Sort((a, b) => a.Start.CompareTo(b.Start));
        return new AddressSpace(Merge(windows));
    }

    /// <summary>An entry's user addresses may span regions; parts of it that are not guest memory are left out.</summary>
    private static void AddWindows(List<MemoryWindow> windows, IotlbEntry entry, AddressSpace user)
    {
        ulong done = 0;
        while (done < entry.Size && user.TryFind(entry.UserAddress + done, out MemoryWindow window))
        {
            ulong offset = entry.UserAddress + done - window.Start;
            ulong length = Math.Min(entry.Size - done, window.Size - offset);
            windows.Add(new MemoryWindow(
                entry.IoAddress + done, length, window.HostBase + (nint)offset, (entry.Permission & IotlbEntry.WritePermission) != 0));
            done += length;
        }
    }

    /// <summary>Joins windows that follow each other on both sides, so that an area larger than an IOMMU page is one window.</summary>
    private static List<MemoryWindow> Merge(List<MemoryWindow> windows)
    {
        var merged = new List<MemoryWindow>(windows.Count);
        foreach (MemoryWindow window in windows)
        {
            if (merged.Count != 0 && merged[^1] is var last && last.Start + last.Size == window.Start
                && last.HostBase + (nint)last.Size == window.HostBase && last.Writable == window.Writable)
            {
                merged[^1] = last with { Size = last.Size + window.Size };
            }
            else
            {
                merged.Add(window);
            }
        }

        return merged;
    }

    private void Cut(ulong first, ulong last)
    {
        for (LinkedListNode<IotlbEntry>? node = _entries.First; node is not null;)
        {
            LinkedListNode<IotlbEntry>? next = node.Next;
            IotlbEntry entry = node.Value;
            if (entry.IoAddress <= last && entry.Last >= first)
            {
                if (entry.IoAddress < first)
                {
                    _entries.AddBefore(node, entry with { Size = first - entry.IoAddress });
                }

                if (entry.Last > last)
                {
                    ulong skipped = last - entry.IoAddress + 1;
                    _entries.AddBefore(node, new IotlbEntry(last + 1, entry.Size - skipped, entry.UserAddress + skipped, entry.Permission));
                }

                _entries.Remove(node);
            }

            node = next;
        }
    }
}
