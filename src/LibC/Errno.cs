using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>An error number of the kernel. What it means depends on the call that it came from: <see cref="ClassOf"/>. 0 means that nothing failed.</summary>
/// <param name="Value">The number, as in errno.h.</param>
public readonly record struct Errno(int Value)
{
    /// <summary>The calling thread's last error.</summary>
    public static Errno Last => new(Marshal.GetLastPInvokeError());

    /// <summary>Nothing to read, or no room to write, at the moment.</summary>
    public bool WouldBlock => Value == LibC.EAGAIN;

    /// <summary>Its name, as in errno.h; the number of one that has none.</summary>
    public string Name => ErrnoNames.Of(Value);

    /// <summary>What the caller should do about it.</summary>
    /// <param name="call">The call that failed.</param>
    public ErrnoClass ClassOf(CallKind call) => Value switch
    {
        0 => ErrnoClass.None,

        // A signal, a full or an empty queue: the same call succeeds later.
        LibC.EINTR or LibC.EAGAIN => ErrnoClass.Retry,

        // The descriptor is none, or not what the call is for.
        LibC.EBADF or LibC.ENOTSOCK => ErrnoClass.Gone,
        _ => call switch
        {
            CallKind.StreamReceive or CallKind.StreamSend => OfConnection(Value),
            CallKind.PacketReceive or CallKind.PacketSend => OfPacketSocket(Value),
            CallKind.TapRead or CallKind.TapWrite => OfTap(Value),
            CallKind.Connect => Value is LibC.EINPROGRESS or LibC.EALREADY ? ErrnoClass.Retry : ErrnoClass.Once,

            // EINVAL: the socket does not listen. All else is what came of one connection (accept(2)), or a limit that may have room later.
            CallKind.Accept => Value == LibC.EINVAL ? ErrnoClass.Gone : ErrnoClass.Once,

            // A socket without a connection outlives all that ICMP, routes and memory can do to one message.
            _ => ErrnoClass.Once,
        },
    };

    /// <summary>Throws an <see cref="ErrnoException"/>.</summary>
    /// <param name="what">The call and what it was applied to.</param>
    public void Throw(string what) => throw new ErrnoException(what, this);

    /// <summary>The C library's text, name and number.</summary>
    public override string ToString() => $"{Marshal.GetPInvokeErrorMessage(Value)} (errno {Value})";

    // Want of memory passes. Whatever else a connection says is its end, or leaves nobody sure where in the stream it is.
    private static ErrnoClass OfConnection(int value) => value is LibC.ENOMEM or LibC.ENOBUFS ? ErrnoClass.Once : ErrnoClass.Gone;

    // packet(7): once its interface was removed, a socket answers ENODEV to a receive and ENXIO to a send. One that is down answers ENETDOWN, and may come up.
    private static ErrnoClass OfPacketSocket(int value) => value is LibC.ENODEV or LibC.ENXIO ? ErrnoClass.Gone : ErrnoClass.Once;

    // A queue whose interface was removed answers EBADFD (drivers/net/tun.c), that of a macvtap ENODEV. One that is down answers EIO to a write.
    private static ErrnoClass OfTap(int value) => value is LibC.EBADFD or LibC.ENODEV ? ErrnoClass.Gone : ErrnoClass.Once;
}
