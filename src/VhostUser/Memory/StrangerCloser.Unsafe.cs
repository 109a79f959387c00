using VhostNet.Aio;

namespace VhostNet.VhostUser.Memory;

/// <summary>
/// Closes files and ends mappings that front ends sent. Either can take as long as a front end likes: close(2) of a TCP socket lingers, that of a file asks its
/// file system's server, munmap writes back, and the last one who lets go of a guest's memory frees it page by page. So what is not known to be quick is done
/// by a thread of this object's own; each endpoint has one, and a front end that makes it wait holds up nobody but itself. Any thread.
/// </summary>
internal sealed unsafe class StrangerCloser
{
    /// <summary>What may wait for the thread before the front end has to: nothing is read from it until the thread has caught up.</summary>
    public const int BehindAt = 64;

    /// <summary>Bytes of memory that are let go of at once on the calling thread: a thousand pages of 4 KiB.</summary>
    private const ulong QuickBytes = 4 << 20;

    /// <summary>Bytes that are unmapped in one step, so that other threads which map something need not wait long.</summary>
    private const nuint SliceBytes = 256 << 20;

    private readonly BackgroundThread _thread = new("fd-closer");

    /// <summary>Raised by the closer's thread whenever nothing is left to close.</summary>
    public event Action? CaughtUp
    {
        add => _thread.Idle += value;
        remove => _thread.Idle -= value;
    }

    /// <summary>What waits for the thread.</summary>
    public int Pending => _thread.Pending;

    /// <summary>Whether so much waits that the front end has to.</summary>
    public bool IsBehind => _thread.Pending >= BehindAt;

    /// <summary>Takes a descriptor of a stranger over; it is closed here when its owner lets go of it.</summary>
    public FileDescriptor Own(int fd) => new(fd, Close);

    /// <summary>Takes a descriptor of a stranger over from an owner that would close it at once.</summary>
    public FileDescriptor Own(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return Own(descriptor.Release());
    }

    /// <summary>Closes a stranger's file without waiting.</summary>
    public void Close(int fd)
    {
        if (IsQuick(fd))
        {
            _ = close(fd);
        }
        else
        {
            _thread.TryPost(() => _ = close(fd));
        }
    }

    /// <summary>Ends a mapping of a stranger's file and closes the file, without waiting.</summary>
    public void Release(Mapping mapping, FileDescriptor file)
    {
        ArgumentNullException.ThrowIfNull(mapping);
        ArgumentNullException.ThrowIfNull(file);
        if (mapping.Length <= QuickBytes && IsQuick(file.Value))
        {
            mapping.Dispose();
            file.Dispose();
            return;
        }

        _thread.TryPost(() =>
        {
            Unmap(mapping);
            file.Dispose();
        });
    }

    /// <summary>Waits until everything is closed.</summary>
    /// <returns>False when the time did not suffice.</returns>
    public bool Drain(TimeSpan limit) => _thread.Drain(limit);

    // SAFETY: only whole slices inside the mapping are given back; nobody uses the memory any more, and what is dropped are this process's page tables.
    private static void Unmap(Mapping mapping)
    {
        for (nuint done = 0; done + SliceBytes < mapping.Length; done += SliceBytes)
        {
            _ = madvise(mapping.Address + (nint)done, SliceBytes, MADV_DONTNEED);
        }

        mapping.Dispose();
    }

    /// <summary>Whether closing can't wait: an eventfd, or a small file that lies in memory. No other kind of file has seals.</summary>
    private static bool IsQuick(int fd) =>
        fcntl(fd, F_GET_SEALS) >= 0
            ? statx_nowait(fd, STATX_BASIC_STATS, out statx_t facts) == 0 && facts.stx_blocks * 512 <= QuickBytes
            : StrangerFile.IsEventFd(fd);
}
