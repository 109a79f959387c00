using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>An error number of the kernel with its one classification. 0 means that nothing failed.</summary>
/// <param name="Value">The number, as in errno.h.</param>
public readonly record struct Errno(int Value)
{
    /// <summary>The calling thread's last error.</summary>
    public static Errno Last => new(Marshal.GetLastPInvokeError());

    /// <summary>What the caller should do about it.</summary>
    public ErrnoClass Class => Classify(Value);

    /// <summary>The call may be made again, at once or when the descriptor is ready.</summary>
    public bool IsRetry => Class == ErrnoClass.Retry;

    /// <summary>The other side is not there.</summary>
    public bool IsGone => Class == ErrnoClass.Gone;

    /// <summary>Nothing to read, or no room to write, at the moment.</summary>
    public bool WouldBlock => Value == LibC.EAGAIN;

    /// <summary>Throws an <see cref="ErrnoException"/>.</summary>
    /// <param name="what">The call and what it was applied to.</param>
    public void Throw(string what) => throw new ErrnoException(what, this);

    /// <summary>Number and the C library's text.</summary>
    public override string ToString() => $"{Marshal.GetPInvokeErrorMessage(Value)} (errno {Value})";

    private static ErrnoClass Classify(int value) => value switch
    {
        0 => ErrnoClass.None,

        // A signal, a full or an empty queue: the same call succeeds later.
        LibC.EINTR or LibC.EAGAIN or LibC.EINPROGRESS or LibC.EALREADY or LibC.ENOBUFS => ErrnoClass.Retry,

        // The peer closed, the interface is down or was removed. EIO and EBADFD are what a tap says then.
        LibC.EPIPE or LibC.ECONNRESET or LibC.ECONNABORTED or LibC.ECONNREFUSED or LibC.ENOTCONN or LibC.ESHUTDOWN or LibC.ETIMEDOUT
            or LibC.ENETDOWN or LibC.ENETUNREACH or LibC.EHOSTDOWN or LibC.EHOSTUNREACH or LibC.ENODEV or LibC.ENXIO or LibC.EIO
            or LibC.EBADFD => ErrnoClass.Gone,
        _ => ErrnoClass.Fatal,
    };
}
