namespace VhostNet.VhostUser.Memory;

/// <summary>
/// An immutable, sorted set of windows: guest-physical addresses, the front end's virtual addresses or, behind a vIOMMU, I/O virtual addresses
/// ("Memory regions description" and "IOMMU support" in the vhost-user specification). Any thread may read it.
/// </summary>
internal sealed class AddressSpace
{
    private readonly MemoryWindow[] _windows;

    /// <summary>Builds an address space. The windows must not overlap; the caller has checked that.</summary>
    public AddressSpace(IEnumerable<MemoryWindow> windows)
    {
        ArgumentNullException.ThrowIfNull(windows);
        _windows = [.. windows.OrderBy(w => w.Start)];
    }

    /// <summary>The space that translates nothing.</summary>
    public static AddressSpace Empty { get; } = new([]);

    /// <summary>The windows by ascending start.</summary>
    public IReadOnlyList<MemoryWindow> Windows => _windows;

    /// <summary>Finds the window that holds <paramref name="address"/>.</summary>
    public bool TryFind(ulong address, out MemoryWindow window)
    {
        int low = 0, high = _windows.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            ref readonly MemoryWindow candidate = ref _windows[middle];
            if (address < candidate.Start)
            {
                high = middle - 1;
            }
            else if (address - candidate.Start >= candidate.Size)
            {
                low = middle + 1;
            }
            else
            {
                window = candidate;
                return true;
            }
        }

        window = default;
        return false;
    }

    /// <summary>Translates a range that must lie inside one window, as ring areas have to.</summary>
    public bool TryTranslate(ulong address, ulong length, out nint host)
    {
        host = 0;
        return TryFind(address, out MemoryWindow window) && window.TryTranslate(address, length, out host);
    }
}
