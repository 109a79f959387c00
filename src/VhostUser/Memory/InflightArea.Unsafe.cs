namespace VhostNet.VhostUser.Memory;

/// <summary>
/// The shared area that records which chains were taken and not given back yet ("Inflight I/O tracking"): one region for each queue, back to back, each
/// rounded up to 64 bytes. The front end keeps it while the back end dies; it may also change it, so nothing read from it is trusted. Control thread,
/// apart from the trackers, which belong to their rings' locks.
/// </summary>
internal sealed unsafe class InflightArea : IDisposable
{
    /// <summary>What queue regions are rounded up to.</summary>
    public const int Alignment = 64;

    /// <summary>
    /// Where an area starts in its file at the latest: what lies before it is mapped as well, and the address space is shared with other guests.
    /// </summary>
    public const ulong OffsetMax = 1UL << 32;

    internal const int SplitHeaderSize = 16;
    internal const int SplitEntrySize = 16;
    internal const int PackedHeaderSize = 32;
    internal const int PackedEntrySize = 32;

    private readonly Mapping _mapping;
    private readonly StrangerCloser? _closer;
    private readonly byte* _start;

    private InflightArea(FileDescriptor file, Mapping mapping, ulong offset, int queueCount, int queueSize, bool isPacked, StrangerCloser? closer)
    {
        _closer = closer;
        File = file;
        _mapping = mapping;
        _start = (byte*)mapping.Address + offset;
        Offset = offset;
        QueueCount = queueCount;
        QueueSize = queueSize;
        IsPacked = isPacked;
    }

    /// <summary>The shared file; owned by this object.</summary>
    public FileDescriptor File { get; }

    /// <summary>Where the area starts in its file.</summary>
    public ulong Offset { get; }

    /// <summary>Queues that it has regions for.</summary>
    public int QueueCount { get; }

    /// <summary>Descriptors of each queue.</summary>
    public int QueueSize { get; }

    /// <summary>Whether the regions have the layout for packed rings.</summary>
    public bool IsPacked { get; }

    /// <summary>Bytes of the area.</summary>
    public ulong Size => (ulong)QueueCount * RegionSize(QueueSize, IsPacked);

    /// <summary>Bytes of one queue's region.</summary>
    public static ulong RegionSize(int queueSize, bool isPacked)
    {
        ulong bytes = isPacked ? PackedHeaderSize + ((ulong)queueSize * PackedEntrySize) : SplitHeaderSize + ((ulong)queueSize * SplitEntrySize);
        return (bytes + Alignment - 1) / Alignment * Alignment;
    }

    /// <summary>Makes a file for a fresh area, which can't shrink or grow.</summary>
    /// <exception cref="ErrnoException">The file can't be made.</exception>
    public static FileDescriptor CreateFile(int queueCount, int queueSize, bool isPacked)
    {
        var file = FileDescriptor.FromResult(memfd_create("vhost-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create of an inflight area");
        if (ftruncate(file.Value, (long)((ulong)queueCount * RegionSize(queueSize, isPacked))) < 0
            || fcntl(file.Value, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        {
            Errno error = Errno.Last;
            file.Dispose();
            error.Throw("ftruncate or sealing of an inflight area");
        }

        return file;
    }

    /// <summary>Maps an area that the front end gives back.</summary>
    /// <param name="file">The file; owned from here on, also when this call fails.</param>
    /// <param name="size">Bytes that the front end says the area has.</param>
    /// <param name="offset">First byte in the file.</param>
    /// <param name="queueCount">Queues.</param>
    /// <param name="queueSize">Descriptors of each.</param>
    /// <param name="isPacked">Layout of the regions.</param>
    /// <param name="sealPolicy">What to do when the file could be shrunk.</param>
    /// <param name="warn">Receives a sentence when the policy is to warn.</param>
    /// <exception cref="GuestMemoryException">The numbers do not fit each other or the file.</exception>
    public static InflightArea Map(
        FileDescriptor file, ulong size, ulong offset, int queueCount, int queueSize, bool isPacked, SealPolicy sealPolicy = SealPolicy.Off,
        Action<string>? warn = null) => Map(file, size, offset, queueCount, queueSize, isPacked, sealPolicy, warn, null);

    /// <summary>As above, for the area of a stranger.</summary>
    internal static InflightArea Map(
        FileDescriptor file, ulong size, ulong offset, int queueCount, int queueSize, bool isPacked, SealPolicy sealPolicy, Action<string>? warn,
        StrangerCloser? closer)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            ulong needed = (ulong)queueCount * RegionSize(queueSize, isPacked);
            if (size < needed || offset > OffsetMax || offset % Alignment != 0)
            {
                throw new GuestMemoryException(
                    $"an inflight area of {size} bytes at offset {offset} does not hold {queueCount} queues of {queueSize} descriptors, which take " +
                    $"{needed} bytes at a multiple of {Alignment}, {OffsetMax} at most");
            }

            SharedFile.Check(file, offset + needed, sealPolicy, "the inflight area", warn);
            var mapping = Mapping.Map(file.Value, 0, (nuint)(offset + needed), PROT_READ | PROT_WRITE, MAP_SHARED);
            return new InflightArea(file, mapping, offset, queueCount, queueSize, isPacked, closer);
        }
        catch (ErrnoException e)
        {
            file.Dispose();
            throw new GuestMemoryException($"the inflight area could not be mapped: {e.Message}", e);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The region of a queue.</summary>
    // SAFETY: the mapping holds QueueCount regions, and the index is checked.
    internal byte* Region(int queue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(queue);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(queue, QueueCount);
        return _start + ((ulong)queue * RegionSize(QueueSize, IsPacked));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_closer is not null && !_mapping.IsClosed)
        {
            _closer.Release(_mapping, File);
            return;
        }

        _mapping.Dispose();
        File.Dispose();
    }
}
