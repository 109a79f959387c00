using System.Numerics;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// The dirty log from the front end's side: one bit for each 4 KiB of guest-physical address space, set by the back end, taken and cleared here ("Migration"
/// in the vhost-user specification).
/// </summary>
public sealed partial class MigrationLog : IDisposable
{
    /// <summary>Bytes of guest memory behind one bit.</summary>
    public const ulong PageSize = 4096;

    private readonly Mapping _mapping;

    private MigrationLog(FileDescriptor file, Mapping mapping)
    {
        File = file;
        _mapping = mapping;
    }

    /// <summary>The file that is shared with the back end.</summary>
    public FileDescriptor File { get; }

    /// <summary>Length in bytes.</summary>
    public ulong Size => _mapping.Length;

    /// <summary>The bytes of the log.</summary>
    public Span<byte> Bytes => _mapping.AsSpan();

    /// <summary>Makes a log for guest addresses up to <paramref name="endOfMemory"/>.</summary>
    public static MigrationLog Create(ulong endOfMemory)
    {
        ulong pages = (endOfMemory + PageSize - 1) / PageSize;
        ulong size = Math.Max(8, (pages + 63) / 64 * 8);
        FileDescriptor file = FileDescriptor.FromResult(memfd_create("dirty-log", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create(dirty log)");
        try
        {
            if (ftruncate(file.Value, checked((long)size)) != 0)
            {
                Errno.Last.Throw($"ftruncate(dirty log, {size})");
            }

            _ = fcntl(file.Value, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
            return new MigrationLog(file, Mapping.Map(file.Value, 0, (nuint)size, PROT_READ | PROT_WRITE, MAP_SHARED));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Takes the dirty pages and clears them; the back end may set bits meanwhile, none is lost.</summary>
    /// <returns>Guest-physical addresses of the pages, ascending.</returns>
    public IReadOnlyList<ulong> TakeDirtyPages()
    {
        var pages = new List<ulong>();
        Span<ulong> words = Words();
        for (int i = 0; i < words.Length; i++)
        {
            if (words[i] == 0)
            {
                continue;
            }

            for (ulong bits = Interlocked.Exchange(ref words[i], 0); bits != 0; bits &= bits - 1)
            {
                pages.Add((64UL * (ulong)i + (ulong)BitOperations.TrailingZeroCount(bits)) * PageSize);
            }
        }

        return pages;
    }

    /// <summary>Unmaps the log and closes its file.</summary>
    public void Dispose()
    {
        _mapping.Dispose();
        File.Dispose();
    }
}
