namespace VhostNet.VhostUser.Transport;

/// <summary>
/// Decides, between two processes, which of them goes on: a word in memory that both have mapped, and that one of them can change once. Messages alone can't:
/// the one that waited too long would not know whether the other had begun. Any thread.
/// </summary>
internal sealed class Baton : IDisposable
{
    private const int Size = 4096;
    private const int Offered = 0;
    private const int Taken = 1;
    private const int Withdrawn = 2;

    private readonly Mapping _mapping;

    private Baton(FileDescriptor file, Mapping mapping)
    {
        File = file;
        _mapping = mapping;
    }

    /// <summary>The file behind it, for the other process; owned by this object.</summary>
    public FileDescriptor File { get; }

    /// <summary>Whether the process that takes over has begun.</summary>
    public bool IsTaken => Volatile.Read(ref Word) == Taken;

    // SAFETY: the mapping has Size bytes of a file that is sealed against shrinking, and lives as long as this object.
    private unsafe ref int Word => ref *(int*)_mapping.Address;

    /// <summary>Makes one that is offered.</summary>
    /// <exception cref="ErrnoException">No descriptor or memory is left.</exception>
    public static Baton Create()
    {
        var file = FileDescriptor.FromResult(memfd_create("vhostnet-baton", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create of the baton");
        if (ftruncate(file.Value, Size) < 0 || fcntl(file.Value, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        {
            Errno why = Errno.Last;
            file.Dispose();
            why.Throw("setting up the baton");
        }

        return Map(file);
    }

    /// <summary>Maps one that came from the other process.</summary>
    /// <param name="file">Its file; owned from here on, also when this call fails.</param>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static Baton Open(FileDescriptor file)
    {
        ArgumentNullException.ThrowIfNull(file);

        // Without the seals the other process could cut the file short, and looking at it would end this one.
        int seals = fcntl(file.Value, F_GET_SEALS);
        if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || statx_nowait(file.Value, STATX_SIZE, out statx_t facts) < 0 || facts.stx_size < Size)
        {
            file.Dispose();
            throw new InvalidDataException("what should decide which process goes on is no sealed memory");
        }

        return Map(file);
    }

    /// <summary>The process that takes over begins, unless the other one has given up waiting.</summary>
    /// <returns>Whether it may.</returns>
    public bool TryTake() => Interlocked.CompareExchange(ref Word, Taken, Offered) == Offered;

    /// <summary>The other process goes on, unless that one has begun.</summary>
    /// <returns>Whether it may.</returns>
    public bool TryWithdraw() => Interlocked.CompareExchange(ref Word, Withdrawn, Offered) == Offered;

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        File.Dispose();
    }

    private static Baton Map(FileDescriptor file)
    {
        try
        {
            return new Baton(file, Mapping.Map(file.Value, 0, Size, PROT_READ | PROT_WRITE, MAP_SHARED));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
