using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// The front end's guest memory: regions at chosen guest-physical addresses, each a file that is shared with the back end, with an allocator for rings and
/// buffers and translation between guest-physical, user and mapped addresses. Changing the set of regions and allocating is for one thread at a time.
/// </summary>
public sealed class GuestMemory : IDisposable
{
    private readonly List<GuestRegion> _regions = [];

    /// <summary>The regions in the order in which they were added, which is the order of SET_MEM_TABLE.</summary>
    public IReadOnlyList<GuestRegion> Regions => _regions;

    /// <summary>One past the highest guest-physical address, which says how large a dirty log has to be.</summary>
    public ulong EndOfMemory => _regions.Count == 0 ? 0 : _regions.Max(r => r.GuestAddress + r.Size);

    /// <summary>Makes a memory with one region.</summary>
    /// <param name="size">Length in bytes, a multiple of the page size.</param>
    /// <param name="guestAddress">First guest-physical address.</param>
    /// <param name="options">How it is backed; null for a sealed memfd.</param>
    public static GuestMemory Create(ulong size, ulong guestAddress = 0, GuestRegionOptions? options = null)
    {
        var memory = new GuestMemory();
        memory.AddRegion(guestAddress, size, options);
        return memory;
    }

    /// <summary>Adds a region; the back end learns of it only by a message.</summary>
    /// <exception cref="ArgumentException">Size or offset is no multiple of the page size, or the region overlaps another one.</exception>
    /// <exception cref="ErrnoException">The file can't be made or mapped.</exception>
    public GuestRegion AddRegion(ulong guestAddress, ulong size, GuestRegionOptions? options = null)
    {
        foreach (GuestRegion other in _regions)
        {
            if (guestAddress < other.GuestAddress + other.Size && other.GuestAddress < guestAddress + size)
            {
                throw new ArgumentException($"region 0x{guestAddress:x} (size 0x{size:x}) overlaps the one at 0x{other.GuestAddress:x} (size 0x{other.Size:x})", nameof(guestAddress));
            }
        }

        GuestRegion region = GuestRegion.Create(guestAddress, size, options ?? GuestRegionOptions.Default);
        _regions.Add(region);
        return region;
    }

    /// <summary>Takes a region out without unmapping it: the caller disposes it when the back end has let go of it.</summary>
    public void RemoveRegion(GuestRegion region)
    {
        if (!_regions.Remove(region))
        {
            throw new ArgumentException("the region is not part of this memory", nameof(region));
        }
    }

    /// <summary>Allocates guest memory inside one region and clears it.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="alignment">A power of two, in bytes.</param>
    /// <param name="region">The region to take it from, or null for the first that has room.</param>
    /// <returns>The guest-physical address.</returns>
    /// <exception cref="InsufficientMemoryException">No region has room.</exception>
    public ulong Allocate(ulong size, ulong alignment = 64, GuestRegion? region = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(size);
        if (!ulong.IsPow2(alignment))
        {
            throw new ArgumentException($"alignment {alignment} is not a power of two", nameof(alignment));
        }

        foreach (GuestRegion candidate in _regions)
        {
            if ((region is null || region == candidate) && candidate.Free.TryTake(size, alignment, out ulong address))
            {
                for (ulong done = 0; done < size; done += Math.Min(size - done, 1 << 30))
                {
                    candidate.Bytes(address - candidate.GuestAddress + done, (int)Math.Min(size - done, 1 << 30)).Clear();
                }

                return address;
            }
        }

        throw new InsufficientMemoryException($"guest memory has no free range of {size} bytes aligned to {alignment}");
    }

    /// <summary>Gives back what <see cref="Allocate"/> gave.</summary>
    public void Free(ulong address, ulong size) => Find(address).Free.Give(address, size);

    /// <summary>Gives back everything that was allocated in any region; the bytes stay as they are.</summary>
    public void FreeAll()
    {
        foreach (GuestRegion region in _regions)
        {
            region.FreeAll();
        }
    }

    /// <summary>The region that holds a guest-physical address.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No region does.</exception>
    public GuestRegion Find(ulong guestAddress)
    {
        foreach (GuestRegion region in _regions)
        {
            if (guestAddress - region.GuestAddress < region.Size)
            {
                return region;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(guestAddress), $"no region holds guest address 0x{guestAddress:x}");
    }

    /// <summary>The bytes at a guest-physical address; the range must lie in one region.</summary>
    public Span<byte> Bytes(ulong guestAddress, int length)
    {
        GuestRegion region = Find(guestAddress);
        return region.Bytes(guestAddress - region.GuestAddress, length);
    }

    /// <summary>Where a guest-physical address is mapped in this process.</summary>
    public nint HostAddress(ulong guestAddress)
    {
        GuestRegion region = Find(guestAddress);
        return region.HostBase + (nint)(guestAddress - region.GuestAddress);
    }

    /// <summary>The address under which the back end knows a guest-physical address, used for rings unless GPA_ADDRESSES is negotiated.</summary>
    public ulong UserAddress(ulong guestAddress)
    {
        GuestRegion region = Find(guestAddress);
        return region.Description.UserAddress + (guestAddress - region.GuestAddress);
    }

    /// <summary>The guest-physical address of a user address.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No region holds it.</exception>
    public ulong GuestAddressOf(ulong userAddress)
    {
        foreach (GuestRegion region in _regions)
        {
            if (userAddress - region.Description.UserAddress < region.Size)
            {
                return region.GuestAddress + (userAddress - region.Description.UserAddress);
            }
        }

        throw new ArgumentOutOfRangeException(nameof(userAddress), $"no region holds user address 0x{userAddress:x}");
    }

    /// <summary>Copies bytes into guest memory, across adjacent regions where needed.</summary>
    public void Write(ulong guestAddress, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            GuestRegion region = Find(guestAddress);
            ulong offset = guestAddress - region.GuestAddress;
            int part = (int)Math.Min((ulong)source.Length, region.Size - offset);
            source[..part].CopyTo(region.Bytes(offset, part));
            source = source[part..];
            guestAddress += (ulong)part;
        }
    }

    /// <summary>Copies bytes out of guest memory, across adjacent regions where needed.</summary>
    public void Read(ulong guestAddress, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            GuestRegion region = Find(guestAddress);
            ulong offset = guestAddress - region.GuestAddress;
            int part = (int)Math.Min((ulong)destination.Length, region.Size - offset);
            region.Bytes(offset, part).CopyTo(destination);
            destination = destination[part..];
            guestAddress += (ulong)part;
        }
    }

    /// <summary>The regions as an address space of this process, by guest-physical address.</summary>
    internal AddressSpace ToAddressSpace() => new(_regions.Select(r => new MemoryWindow(r.GuestAddress, r.Size, r.HostBase)));

    /// <summary>Unmaps all regions. No ring may use them any more.</summary>
    public void Dispose()
    {
        foreach (GuestRegion region in _regions)
        {
            region.Dispose();
        }

        _regions.Clear();
    }
}
