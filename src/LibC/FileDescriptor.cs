using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>Owns a file descriptor and closes it once. Any thread may dispose of it.</summary>
public sealed class FileDescriptor : SafeHandle
{
    private readonly Action<int>? _close;

    /// <summary>Makes an empty one.</summary>
    public FileDescriptor()
        : base(-1, ownsHandle: true)
    {
    }

    /// <summary>Takes ownership of a descriptor; a negative number makes an invalid handle.</summary>
    public FileDescriptor(int fd)
        : base(-1, ownsHandle: true) => SetHandle(fd);

    /// <summary>Takes ownership of a descriptor of a stranger, whose file may make close(2) wait (SO_LINGER, a file system's server).</summary>
    /// <param name="fd">The number.</param>
    /// <param name="close">Closes the number when its time has come, without waiting; called once, by any thread. Must not throw.</param>
    public FileDescriptor(int fd, Action<int> close)
        : base(-1, ownsHandle: true)
    {
        _close = close;
        SetHandle(fd);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle < 0;

    /// <summary>The number, for a call made while this object is alive; -1 once it is closed.</summary>
    public int Value => IsClosed ? -1 : (int)handle;

    /// <summary>Takes ownership of a call's result, or throws what the call left in errno.</summary>
    /// <param name="result">What the call returned.</param>
    /// <param name="what">The call and what it was applied to, for the message.</param>
    /// <exception cref="ErrnoException">The result is negative.</exception>
    public static FileDescriptor FromResult(int result, string what)
    {
        if (result < 0)
        {
            Errno.Last.Throw(what);
        }

        return new FileDescriptor(result);
    }

    /// <summary>Makes a second descriptor of the same open file, with close-on-exec.</summary>
    /// <exception cref="ErrnoException">No descriptor is left, or this one is closed.</exception>
    public FileDescriptor Duplicate()
    {
        FileDescriptor copy = FromResult(LibC.fcntl(Value, LibC.F_DUPFD_CLOEXEC, 0), $"fcntl({Value}, F_DUPFD_CLOEXEC)");
        return _close is null ? copy : new FileDescriptor(copy.Release(), _close);
    }

    /// <summary>Gives the number away; this object no longer closes it.</summary>
    public int Release()
    {
        int fd = Value;
        SetHandleAsInvalid();
        return fd;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        ForgottenHandles.CountUnless(disposing || IsClosed || IsInvalid);
        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        if (_close is null)
        {
            return LibC.close((int)handle) == 0;
        }

        _close((int)handle);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => $"fd {Value}";
}
