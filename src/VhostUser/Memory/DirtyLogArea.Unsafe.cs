using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Memory;

/// <summary>
/// The dirty log that the front end shares (SET_LOG_BASE): one bit for each page of 4096 bytes of guest-physical memory, bit 0 first. Any thread may set
/// bits; the front end takes them away at the same time. The control thread replaces and disposes it when no ring refers to it.
/// </summary>
internal sealed unsafe class DirtyLogArea : IDisposable
{
    /// <summary>log2 of the page that one bit stands for; the specification fixes it, whatever the machine's page size.</summary>
    public const int PageShift = 12;

    /// <summary>
    /// Most bytes that the log's file may take up to the log's end: a bit for each page of 52 address bits. The address space is shared with other guests.
    /// </summary>
    public const ulong MappedBytesMax = 1UL << 37;

    private readonly Mapping _mapping;
    private readonly StrangerCloser? _closer;
    private readonly ulong* _words;
    private readonly int _firstBit;

    private DirtyLogArea(FileDescriptor file, Mapping mapping, ulong size, ulong offset, StrangerCloser? closer)
    {
        _closer = closer;
        File = file;
        _mapping = mapping;
        Size = size;
        Offset = offset;
        nint start = mapping.Address + (nint)offset;
        _words = (ulong*)(start & ~7);
        _firstBit = (int)(start & 7) * 8;
    }

    /// <summary>The shared file; owned by this object.</summary>
    public FileDescriptor File { get; }

    /// <summary>Bytes of the log.</summary>
    public ulong Size { get; }

    /// <summary>Where the log starts in its file.</summary>
    public ulong Offset { get; }

    /// <summary>Pages that the log has a bit for.</summary>
    public ulong PageCount => Size * 8;

    /// <summary>An eventfd to set when bits were set (SET_LOG_FD), or null.</summary>
    public Aio.EventNotifier? Notifier { get; set; }

    /// <summary>Maps a log.</summary>
    /// <param name="file">The file; owned from here on, also when this call fails.</param>
    /// <param name="size">Bytes of the log.</param>
    /// <param name="offset">First byte of the log in the file.</param>
    /// <param name="sealPolicy">What to do when the file could be shrunk.</param>
    /// <param name="warn">Receives a sentence when the policy is to warn.</param>
    /// <exception cref="GuestMemoryException">The range does not fit the file, or the file can't be mapped.</exception>
    public static DirtyLogArea Map(FileDescriptor file, ulong size, ulong offset, SealPolicy sealPolicy = SealPolicy.Off, Action<string>? warn = null) =>
        Map(file, size, offset, sealPolicy, warn, null);

    /// <summary>As above, for the log of a stranger.</summary>
    internal static DirtyLogArea Map(FileDescriptor file, ulong size, ulong offset, SealPolicy sealPolicy, Action<string>? warn, StrangerCloser? closer)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            if (size == 0 || offset + size < size || offset + size > MappedBytesMax)
            {
                throw new GuestMemoryException(
                    $"a dirty log of {size} bytes at offset {offset} is not possible; it has at least one byte and ends inside its " +
                    $"file, at {MappedBytesMax} at the latest");
            }

            ulong page = SharedFile.Check(file, offset + size, sealPolicy, $"the dirty log of {size} bytes at offset {offset}", warn);
            nuint length = checked((nuint)((offset + size + page - 1) / page * page));
            return new DirtyLogArea(file, Mapping.Map(file.Value, 0, length, PROT_READ | PROT_WRITE, MAP_SHARED), size, offset, closer);
        }
        catch (ErrnoException e)
        {
            file.Dispose();
            throw new GuestMemoryException($"the dirty log of {size} bytes at offset {offset} could not be mapped: {e.Message}", e);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Sets up to 64 bits that lie in one word.</summary>
    /// <param name="word">Number of the word, see <see cref="Locate"/>.</param>
    /// <param name="mask">The bits.</param>
    /// <remarks>The caller has put a full barrier between its writes to guest memory and this call.</remarks>
    // SAFETY: words come from Locate, whose pages were checked against PageCount; rounding down to 8 bytes stays in the mapping, which starts on a page, and
    // the last word's end stays in its last page.
    internal void Set(long word, ulong mask)
    {
        ref ulong target = ref _words[word];

        // Bits that are set already save the locked operation. Whoever clears them after this look copies the page after that, with our writes in it.
        if ((Volatile.Read(ref target) & mask) != mask)
        {
            Interlocked.Or(ref target, mask);
        }
    }

    /// <summary>Takes all bits of a word away, as a front end does. For tests and for reading a log of one's own.</summary>
    // SAFETY: as above.
    internal ulong Take(long word) => Interlocked.Exchange(ref Unsafe.AsRef<ulong>(_words + word), 0);

    /// <summary>Where the bit of a page is. The page must be below <see cref="PageCount"/>.</summary>
    internal long Locate(ulong page, out int bit)
    {
        ulong position = page + (ulong)_firstBit;
        bit = (int)(position & 63);
        return (long)(position >> 6);
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
