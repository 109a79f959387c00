using VhostNet.VirtioNet.Errors;

namespace VhostNet.VirtioNet.Captures;

/// <summary>Opens the file that a capture is written to, so that no file is lost that somebody else has put, or led, in the way.</summary>
internal static class CaptureTarget
{
    private const uint OwnerOnly = 0b110_000_000;

    /// <summary>
    /// Opens a new file, a pipe that somebody reads, or a file that may be overwritten, and empties that. Links are not followed. May wait for the disk.
    /// </summary>
    /// <param name="path">Its path.</param>
    /// <param name="overwrite">Whether a file that is ours may be lost though it is no capture.</param>
    /// <exception cref="PortException">There is something in the way, or the file can't be made.</exception>
    public static FileDescriptor Open(string path, bool overwrite)
    {
        var created = new FileDescriptor(open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, OwnerOnly));
        if (!created.IsInvalid)
        {
            return created;
        }

        Errno why = Errno.Last;
        if (why.Value != EEXIST)
        {
            throw Failed(path, why.Value);
        }

        // The very file that is looked at is the one that is opened, whatever happens to its name meanwhile.
        using var found = new FileDescriptor(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
        if (found.IsInvalid || statx(found.Value, STATX_BASIC_STATS, out statx_t facts) < 0)
        {
            throw Failed(path, errno);
        }

        bool regular = (facts.stx_mode & S_IFMT) == S_IFREG;
        CheckKind(path, facts, regular);
        FileDescriptor file = Reopen(path, found, regular ? O_RDWR : O_WRONLY);
        try
        {
            if (regular && !overwrite && facts.stx_size > 0 && !IsCapture(file))
            {
                throw new PortException(
                    $"capture {path}: it exists and is no capture file, so it is left alone; remove it, choose another name, or ask for it to be overwritten");
            }

            return regular && ftruncate(file.Value, 0) < 0 ? throw Failed(path, errno) : file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether an open file is a pipe.</summary>
    public static bool IsPipe(FileDescriptor file) => statx(file.Value, STATX_TYPE, out statx_t facts) == 0 && (facts.stx_mode & S_IFMT) == S_IFIFO;

    /// <summary>An error text for a capture.</summary>
    public static PortException Failed(string path, int error) => new(error switch
    {
        ENOENT => $"capture {path}: its directory does not exist; make it first",
        EACCES or EPERM or EROFS => $"capture {path}: it can't be written for want of permission; choose a place that user {geteuid()} may write to",
        ENOSPC => $"capture {path}: the disk is full",
        ENXIO => $"capture {path}: it is a pipe that nobody reads; name a file",
        EISDIR => $"capture {path}: it is a directory; name a file",
        EPIPE => $"capture {path}: its reader closed it",
        EAGAIN => $"capture {path}: its reader took nothing more",
        _ => $"capture {path}: {new Errno(error)}",
    });

    private static void CheckKind(string path, in statx_t facts, bool regular)
    {
        int kind = facts.stx_mode & S_IFMT;
        if (kind == S_IFDIR)
        {
            throw Failed(path, EISDIR);
        }

        if (kind == S_IFLNK)
        {
            throw new PortException($"capture {path}: it is a symbolic link, which is not followed; name the file itself");
        }

        if (kind == S_IFIFO)
        {
            return;
        }

        if (!regular)
        {
            throw new PortException($"capture {path}: it exists and is neither a file nor a pipe; choose another name");
        }

        if (facts.stx_uid != geteuid() || facts.stx_nlink != 1)
        {
            throw new PortException(facts.stx_nlink == 1
                ? $"capture {path}: it exists and belongs to user {facts.stx_uid}, not to {geteuid()}; remove it or choose another name"
                : $"capture {path}: it exists under {facts.stx_nlink} names, so that more than a capture might be lost; remove it or choose another name");
        }
    }

    private static FileDescriptor Reopen(string path, FileDescriptor found, int access)
    {
        var file = new FileDescriptor(open($"/proc/self/fd/{found.Value}", access | O_NONBLOCK | O_CLOEXEC));
        return file.IsInvalid ? throw Failed(path, errno) : file;
    }

    private static bool IsCapture(FileDescriptor file)
    {
        Span<byte> start = stackalloc byte[sizeof(uint)];
        bool whole = read(file.Value, start) == start.Length;
        return lseek(file.Value, 0, SEEK_SET) == 0 && whole && PcapFormat.IsCapture(start);
    }
}
