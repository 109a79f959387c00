namespace VhostNet.VhostUser.Memory;

/// <summary>
/// An immutable set of guest memory regions with the address spaces that follow from it. The control thread builds a new table for every change
/// (SET_MEM_TABLE, ADD_MEM_REG, REM_MEM_REG) and hands it to each ring under that ring's lock; when the last ring has it, nobody can reach the old
/// table's mappings and the control thread disposes it. Any thread may read a table that it was handed.
/// </summary>
internal sealed class MemoryTable : IDisposable
{
    /// <summary>How many regions a table may hold, the number answered to GET_MAX_MEM_SLOTS (QEMU asks for no more than 509).</summary>
    public const int RegionsMax = 509;

    private readonly MemoryRegion[] _regions;
    private bool _disposed;

    /// <summary>Builds a table over regions, each of which is retained until the table is disposed.</summary>
    /// <exception cref="GuestMemoryException">Two regions overlap, or there are too many.</exception>
    public MemoryTable(IReadOnlyCollection<MemoryRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        if (regions.Count > RegionsMax)
        {
            throw new GuestMemoryException($"{regions.Count} memory regions were sent; at most {RegionsMax} are supported");
        }

        CheckOverlap(regions, r => r.Description.GuestAddress, "guest");
        CheckOverlap(regions, r => r.Description.UserAddress, "user");
        _regions = [.. regions];
        foreach (MemoryRegion region in _regions)
        {
            region.Retain();
        }

        Guest = new AddressSpace(_regions.Select(r => new MemoryWindow(r.Description.GuestAddress, r.Description.Size, r.HostBase)));
        User = new AddressSpace(_regions.Select(r => new MemoryWindow(r.Description.UserAddress, r.Description.Size, r.HostBase)));
        Host = new AddressSpace(_regions.Select(r => new MemoryWindow((ulong)r.HostBase, r.Description.Size, (nint)r.Description.GuestAddress)));
    }

    /// <summary>The table before the front end sent one.</summary>
    public static MemoryTable Empty { get; } = new([]);

    /// <summary>The regions.</summary>
    public IReadOnlyList<MemoryRegion> Regions => _regions;

    /// <summary>By guest-physical address: what descriptors hold unless a vIOMMU is used.</summary>
    public AddressSpace Guest { get; }

    /// <summary>By the front end's virtual address: what ring addresses are unless GPA_ADDRESSES is negotiated.</summary>
    public AddressSpace User { get; }

    /// <summary>From this process's addresses back to guest-physical ones, for the dirty log.</summary>
    public AddressSpace Host { get; }

    /// <summary>Drops the table's hold on its regions. No ring may use the table any more. Control thread only.</summary>
    public void Dispose()
    {
        if (_disposed || _regions.Length == 0)
        {
            return;
        }

        _disposed = true;
        foreach (MemoryRegion region in _regions)
        {
            region.Release();
        }
    }

    private static void CheckOverlap(IEnumerable<MemoryRegion> regions, Func<MemoryRegion, ulong> start, string space)
    {
        MemoryRegion? previous = null;
        foreach (MemoryRegion region in regions.OrderBy(start))
        {
            if (previous is not null && start(region) - start(previous) < previous.Description.Size)
            {
                throw new GuestMemoryException(
                    $"memory regions overlap in {space} address space: 0x{start(previous):x} (size 0x{previous.Description.Size:x}) and 0x{start(region):x}");
            }

            previous = region;
        }
    }
}
