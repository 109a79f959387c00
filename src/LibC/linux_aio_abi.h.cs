using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>
/// One request to the kernel's asynchronous I/O. The order of the second and third field is that of a little-endian machine, as both of ours are.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct iocb
{
    /// <summary>Comes back in the event.</summary>
    public ulong aio_data;

    /// <summary>The kernel's own.</summary>
    public uint aio_key;

    /// <summary>RWF_ flags.</summary>
    public int aio_rw_flags;

    /// <summary>IOCB_CMD_.</summary>
    public ushort aio_lio_opcode;

    /// <summary>Priority.</summary>
    public short aio_reqprio;

    /// <summary>The file.</summary>
    public uint aio_fildes;

    /// <summary>Address of the buffer.</summary>
    public ulong aio_buf;

    /// <summary>Bytes.</summary>
    public ulong aio_nbytes;

    /// <summary>Offset in the file.</summary>
    public long aio_offset;

    /// <summary>Reserved.</summary>
    public ulong aio_reserved2;

    /// <summary>IOCB_FLAG_.</summary>
    public uint aio_flags;

    /// <summary>The eventfd that is told of the end.</summary>
    public uint aio_resfd;
}

/// <summary>The end of a request.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_event
{
    /// <summary>aio_data.</summary>
    public ulong data;

    /// <summary>Address of the iocb.</summary>
    public ulong obj;

    /// <summary>Bytes or a negative errno.</summary>
    public long res;

    /// <summary>Second result.</summary>
    public long res2;
}

/// <content>linux/aio_abi.h</content>
public static unsafe partial class LibC
{
    /// <summary>Read.</summary>
    public static ushort IOCB_CMD_PREAD => Base.IOCB_CMD_PREAD;

    /// <summary>The kernel adds one to aio_resfd's counter at the end, and never waits for room in it.</summary>
    public const uint IOCB_FLAG_RESFD = 1;

    /// <summary>Makes a context for <paramref name="nr_events"/> requests at once.</summary>
    public static int io_setup(uint nr_events, nuint* context) => (int)syscall(IsX64 ? x86_64.SYS_io_setup : aarch64.SYS_io_setup, (nint)nr_events, (nint)context, 0, 0, 0, 0);

    /// <summary>Ends a context.</summary>
    public static int io_destroy(nuint context) => (int)syscall(IsX64 ? x86_64.SYS_io_destroy : aarch64.SYS_io_destroy, (nint)context, 0, 0, 0, 0, 0);

    /// <summary>Hands requests in; the number of those that were taken.</summary>
    public static int io_submit(nuint context, nint nr, iocb** requests) =>
        (int)syscall(IsX64 ? x86_64.SYS_io_submit : aarch64.SYS_io_submit, (nint)context, nr, (nint)requests, 0, 0, 0);

    /// <summary>Takes ends of requests, waiting for at least <paramref name="min_nr"/>.</summary>
    public static int io_getevents(nuint context, nint min_nr, nint nr, io_event* events) =>
        (int)syscall(IsX64 ? x86_64.SYS_io_getevents : aarch64.SYS_io_getevents, (nint)context, min_nr, nr, (nint)events, 0, 0);
}
