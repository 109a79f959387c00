namespace VhostNet.VhostUser.Memory;

/// <summary>
/// A region of guest memory, mapped. It owns its descriptor (kept so that a session's state can be captured) and its mapping. Regions are shared between
/// successive memory tables, so they are counted: <see cref="Retain"/> and <see cref="Release"/>, control thread only.
/// </summary>
internal sealed class MemoryRegion
{
    private readonly Mapping _mapping;
    private readonly StrangerCloser? _closer;
    private int _references = 1;

    private MemoryRegion(MemoryRegionDescription description, FileDescriptor file, Mapping mapping, nint hostBase, StrangerCloser? closer)
    {
        _closer = closer;
        Description = description;
        File = file;
        _mapping = mapping;
        HostBase = hostBase;
    }

    /// <summary>What the front end said of the region.</summary>
    public MemoryRegionDescription Description { get; }

    /// <summary>The file that backs the region; owned by it.</summary>
    public FileDescriptor File { get; }

    /// <summary>Where the region's first byte is mapped in this process.</summary>
    public nint HostBase { get; }

    /// <summary>Maps a region.</summary>
    /// <param name="description">What the front end said; sizes and offsets are checked here.</param>
    /// <param name="file">The backing file; the region owns it from here on, also when this call fails.</param>
    /// <param name="sealPolicy">What to do when the file could be shrunk under us.</param>
    /// <param name="warn">Receives a sentence when the policy is to warn.</param>
    /// <exception cref="GuestMemoryException">The description is invalid or the file can't be mapped shared.</exception>
    public static MemoryRegion Map(MemoryRegionDescription description, FileDescriptor file, SealPolicy sealPolicy, Action<string>? warn = null) =>
        Map(description, file, sealPolicy, warn, null);

    /// <summary>As above, for memory of a stranger.</summary>
    /// <param name="description">What the front end said.</param>
    /// <param name="file">The backing file.</param>
    /// <param name="sealPolicy">What to do when the file could be shrunk under us.</param>
    /// <param name="warn">Receives a sentence when the policy is to warn.</param>
    /// <param name="closer">Ends the mapping when its time has come; null: the thread that lets go of it last.</param>
    internal static MemoryRegion Map(
        MemoryRegionDescription description, FileDescriptor file, SealPolicy sealPolicy, Action<string>? warn, StrangerCloser? closer)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            CheckDescription(description);
            CheckFile(description, file, sealPolicy, warn);
            var mapping = Mapping.Map(file.Value, 0, MappingLength(description, file), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE);
            return new MemoryRegion(description, file, mapping, mapping.Address + (nint)description.MmapOffset, closer);
        }
        catch (ErrnoException e)
        {
            file.Dispose();
            throw new GuestMemoryException(
                $"memory region at guest address 0x{description.GuestAddress:x} ({description.Size} bytes) could not be mapped: {e.Message}. " +
                "Guest memory must be a shareable file: with QEMU use memory-backend-memfd or memory-backend-file with share=on.", e);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether another region is the same memory at the same addresses.</summary>
    public bool IsSameAs(MemoryRegion other) => IsBackedBy(other.Description, other.File);

    /// <summary>Whether the region is what a description and a file would make.</summary>
    public bool IsBackedBy(MemoryRegionDescription description, FileDescriptor file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Description == description
            && statx_nowait(File.Value, STATX_INO, out statx_t mine) == 0 && statx_nowait(file.Value, STATX_INO, out statx_t theirs) == 0
            && mine.stx_ino == theirs.stx_ino && mine.stx_dev_major == theirs.stx_dev_major && mine.stx_dev_minor == theirs.stx_dev_minor;
    }

    /// <summary>Counts one more user of the mapping.</summary>
    public void Retain() => _references++;

    /// <summary>Drops one user; the last one unmaps the region and closes its file. No data path may use it any more.</summary>
    public void Release()
    {
        if (--_references == 0)
        {
            if (_closer is not null)
            {
                _closer.Release(_mapping, File);
                return;
            }

            _mapping.Dispose();
            File.Dispose();
        }
    }

    // munmap of a hugetlbfs mapping wants whole huge pages, which st_blksize tells.
    private static nuint MappingLength(MemoryRegionDescription d, FileDescriptor file)
    {
        ulong length = d.MmapOffset + d.Size;
        ulong page = statx_nowait(file.Value, STATX_SIZE, out statx_t stat) == 0 ? Math.Max(stat.stx_blksize, 1u) : 1;
        return checked((nuint)((length + page - 1) / page * page));
    }

    private static void CheckDescription(MemoryRegionDescription d)
    {
        if (d.Size == 0)
        {
            throw new GuestMemoryException($"memory region at guest address 0x{d.GuestAddress:x} has size 0; a region has at least one page");
        }

        if (d.GuestAddress + (d.Size - 1) < d.GuestAddress || d.UserAddress + (d.Size - 1) < d.UserAddress || d.MmapOffset + d.Size < d.Size
            || d.MmapOffset + d.Size > long.MaxValue)
        {
            throw new GuestMemoryException(
                $"memory region at guest address 0x{d.GuestAddress:x}, user address 0x{d.UserAddress:x}, offset 0x{d.MmapOffset:x} with size 0x{d.Size:x} " +
                "runs past the end of its address space");
        }
    }

    private static void CheckFile(MemoryRegionDescription d, FileDescriptor file, SealPolicy policy, Action<string>? warn)
    {
        if (statx_nowait(file.Value, STATX_SIZE | STATX_TYPE, out statx_t stat) < 0)
        {
            Errno.Last.Throw($"statx of the file behind the memory region at guest address 0x{d.GuestAddress:x}");
        }

        if ((stat.stx_mode & S_IFMT) == S_IFREG && stat.stx_size < d.MmapOffset + d.Size)
        {
            throw new GuestMemoryException(
                $"memory region at guest address 0x{d.GuestAddress:x} needs {d.MmapOffset + d.Size} bytes of its file, which has {stat.stx_size}: " +
                "touching the rest would kill the process, so the front end has to send a file as large as the region");
        }

        SharedFile.CheckRisk(file, policy, $"memory region at guest address 0x{d.GuestAddress:x}", warn);
    }
}
