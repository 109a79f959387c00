using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>Owns a file descriptor and closes it once. Any thread may dispose of it.</summary>
public sealed class FileDescriptor : SafeHandle
{
    /// <summary>Makes an empty one.</summary>
    public FileDescriptor()
        : base(-1, ownsHandle: true)
    {
    }

    /// <summary>Takes ownership of a descriptor; a negative number makes an invalid handle.</summary>
    public FileDescriptor(int fd)
        : base(-1, ownsHandle: true) => SetHandle(fd);

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
    public FileDescriptor Duplicate() => FromResult(LibC.fcntl(Value, LibC.F_DUPFD_CLOEXEC, 0), $"fcntl({Value}, F_DUPFD_CLOEXEC)");

    /// <summary>Gives the number away; this object no longer closes it.</summary>
    public int Release()
    {
        int fd = Value;
        SetHandleAsInvalid();
        return fd;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.close((int)handle) == 0;

    /// <inheritdoc/>
    public override string ToString() => $"fd {Value}";
}
