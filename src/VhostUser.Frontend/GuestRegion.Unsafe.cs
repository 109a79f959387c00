using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// A region of the front end's guest memory: a file that can be shared with the back end, mapped here with an inaccessible page before and behind it, so
/// that no two regions are ever neighbours in this process. Not thread safe; the bytes themselves are shared memory.
/// </summary>
public sealed unsafe class GuestRegion : IDisposable
{
    private const ulong HugePageSize = 2UL << 20;

    private readonly Mapping _reserved;

    private GuestRegion(MemoryRegionDescription description, FileDescriptor file, Mapping reserved, nint hostBase)
    {
        Description = description;
        File = file;
        _reserved = reserved;
        HostBase = hostBase;
        Free = new FreeList(description.GuestAddress, description.Size);
    }

    /// <summary>What the back end is told of the region.</summary>
    public MemoryRegionDescription Description { get; }

    /// <summary>The file behind the region; stays owned by it.</summary>
    public FileDescriptor File { get; }

    /// <summary>Where the first byte is mapped in this process.</summary>
    public nint HostBase { get; }

    /// <summary>First guest-physical address.</summary>
    public ulong GuestAddress => Description.GuestAddress;

    /// <summary>Length in bytes.</summary>
    public ulong Size => Description.Size;

    /// <summary>The region's bytes that nobody allocated.</summary>
    internal FreeList Free { get; private set; }

    /// <summary>Makes and maps a region.</summary>
    /// <param name="guestAddress">First guest-physical address.</param>
    /// <param name="size">Length in bytes, a multiple of the page size.</param>
    /// <param name="options">How it is backed.</param>
    /// <exception cref="ArgumentException">The size or offset is no multiple of the page size.</exception>
    /// <exception cref="ErrnoException">The file can't be made or mapped (for huge pages: vm.nr_hugepages is too small).</exception>
    public static GuestRegion Create(ulong guestAddress, ulong size, GuestRegionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ulong page = options.HugePages ? HugePageSize : (ulong)Environment.SystemPageSize;
        if (size == 0 || size % page != 0 || options.FileOffset % page != 0)
        {
            throw new ArgumentException($"a region of {size} bytes at file offset {options.FileOffset} was asked; both must be multiples of {page}, the size not 0", nameof(size));
        }

        FileDescriptor file = CreateFile(options, size + options.FileOffset);
        Mapping? reserved = null;
        try
        {
            reserved = Mapping.Map(-1, 0, checked((nuint)(size + 3 * page)), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
            nint hostBase = (nint)(((ulong)reserved.Address + 2 * page - 1) & ~(page - 1));

            // SAFETY: the fixed mapping lies inside the range reserved above, which nothing else uses; unmapping the reservation removes it too.
            if (mmap(hostBase, (nuint)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.Value, (long)options.FileOffset) == MAP_FAILED)
            {
                Errno.Last.Throw($"mmap({size} bytes of guest memory{(options.HugePages ? " from huge pages" : "")})");
            }

            ulong user = options.UserAddress ?? (ulong)hostBase;
            return new GuestRegion(new MemoryRegionDescription(guestAddress, size, user, options.FileOffset), file, reserved, hostBase);
        }
        catch
        {
            reserved?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of the region.</summary>
    /// <param name="offset">First byte, counted from the region's start.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the region.</exception>
    public Span<byte> Bytes(ulong offset, int length)
    {
        ObjectDisposedException.ThrowIf(_reserved.IsClosed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)length, Size - offset, nameof(length));

        // SAFETY: the checks keep the span inside the mapping, which lives until Dispose.
        return new Span<byte>((byte*)HostBase + offset, length);
    }

    /// <summary>Everything is free again.</summary>
    internal void FreeAll() => Free = new FreeList(GuestAddress, Size);

    /// <summary>Unmaps the region and closes its file. No ring may use it any more.</summary>
    public void Dispose()
    {
        _reserved.Dispose();
        File.Dispose();
    }

    private static FileDescriptor CreateFile(GuestRegionOptions options, ulong length)
    {
        FileDescriptor file = options.Directory is { } directory
            ? CreateNamedFile(directory)
            : FileDescriptor.FromResult(
                memfd_create("guest-memory", MFD_CLOEXEC | (options.Sealed ? MFD_ALLOW_SEALING : 0) | (options.HugePages ? MFD_HUGETLB | MFD_HUGE_2MB : 0)),
                "memfd_create(guest memory)");
        if (ftruncate(file.Value, checked((long)length)) != 0)
        {
            Errno errno = Errno.Last;
            file.Dispose();
            errno.Throw($"ftruncate(guest memory, {length})");
        }

        if (options is { Sealed: true, Directory: null } && fcntl(file.Value, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        {
            Errno errno = Errno.Last;
            file.Dispose();
            errno.Throw("fcntl(guest memory, F_ADD_SEALS)");
        }

        return file;
    }

    private static FileDescriptor CreateNamedFile(string directory)
    {
        string path = Path.Combine(directory, $"guest-memory-{Guid.NewGuid():n}");
        FileDescriptor file = FileDescriptor.FromResult(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0x180), $"open({path})");
        _ = unlink(path);
        return file;
    }
}
