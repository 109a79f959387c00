using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>Submission queue entry; a union, of which the members used here are named.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct io_uring_sqe
{
    /// <summary>IORING_OP_.</summary>
    [FieldOffset(0)]
    public byte opcode;

    /// <summary>IOSQE_.</summary>
    [FieldOffset(1)]
    public byte flags;

    /// <summary>Priority.</summary>
    [FieldOffset(2)]
    public ushort ioprio;

    /// <summary>Descriptor.</summary>
    [FieldOffset(4)]
    public int fd;

    /// <summary>Offset.</summary>
    [FieldOffset(8)]
    public ulong off;

    /// <summary>Buffer, iovec, or user_data of the request to cancel.</summary>
    [FieldOffset(16)]
    public ulong addr;

    /// <summary>Bytes, or flags of POLL_ADD.</summary>
    [FieldOffset(24)]
    public uint len;

    /// <summary>Events of POLL_ADD.</summary>
    [FieldOffset(28)]
    public uint poll32_events;

    /// <summary>Flags of TIMEOUT.</summary>
    [FieldOffset(28)]
    public uint timeout_flags;

    /// <summary>The caller's own number. Every entry must set it.</summary>
    [FieldOffset(32)]
    public ulong user_data;
}

/// <summary>Completion queue entry.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_uring_cqe
{
    /// <summary>The number of the submission.</summary>
    public ulong user_data;

    /// <summary>Result, or a negative errno.</summary>
    public int res;

    /// <summary>IORING_CQE_F_.</summary>
    public uint flags;
}

/// <summary>Offsets of the submission ring.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_sqring_offsets
{
    /// <summary>Head.</summary>
    public uint head;

    /// <summary>Tail.</summary>
    public uint tail;

    /// <summary>Mask.</summary>
    public uint ring_mask;

    /// <summary>Entries.</summary>
    public uint ring_entries;

    /// <summary>IORING_SQ_ flags.</summary>
    public uint flags;

    /// <summary>Entries that were dropped.</summary>
    public uint dropped;

    /// <summary>Index array.</summary>
    public uint array;

    /// <summary>Reserved.</summary>
    public uint resv1;

    /// <summary>Address of the ring in user memory (Linux 6.5), reserved before.</summary>
    [CLayout("resv2")]
    public ulong user_addr;
}

/// <summary>Offsets of the completion ring.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_cqring_offsets
{
    /// <summary>Head.</summary>
    public uint head;

    /// <summary>Tail.</summary>
    public uint tail;

    /// <summary>Mask.</summary>
    public uint ring_mask;

    /// <summary>Entries.</summary>
    public uint ring_entries;

    /// <summary>Completions that were lost.</summary>
    public uint overflow;

    /// <summary>Entries.</summary>
    public uint cqes;

    /// <summary>Flags.</summary>
    public uint flags;

    /// <summary>Reserved.</summary>
    public uint resv1;

    /// <summary>Address of the ring in user memory (Linux 6.5), reserved before.</summary>
    [CLayout("resv2")]
    public ulong user_addr;
}

/// <summary>Parameters of io_uring_setup.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct io_uring_params
{
    /// <summary>Submission entries.</summary>
    public uint sq_entries;

    /// <summary>Completion entries.</summary>
    public uint cq_entries;

    /// <summary>IORING_SETUP_.</summary>
    public uint flags;

    /// <summary>Processor of the kernel thread.</summary>
    public uint sq_thread_cpu;

    /// <summary>Milliseconds until the kernel thread sleeps.</summary>
    public uint sq_thread_idle;

    /// <summary>IORING_FEAT_.</summary>
    public uint features;

    /// <summary>Ring to share the workers with.</summary>
    public uint wq_fd;

    /// <summary>Reserved.</summary>
    public fixed uint resv[3];

    /// <summary>Submission ring.</summary>
    public io_sqring_offsets sq_off;

    /// <summary>Completion ring.</summary>
    public io_cqring_offsets cq_off;
}

/// <summary>Argument of io_uring_enter with IORING_ENTER_EXT_ARG.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct io_uring_getevents_arg
{
    /// <summary>Address of the signal mask.</summary>
    public ulong sigmask;

    /// <summary>Bytes of the signal mask.</summary>
    public uint sigmask_sz;

    /// <summary>Padding.</summary>
    public uint pad;

    /// <summary>Address of a timespec with 64-bit members.</summary>
    public ulong ts;
}

/// <content>linux/io_uring.h</content>
public static unsafe partial class LibC
{
    /// <summary>Poll for completions.</summary>
    public static uint IORING_SETUP_IOPOLL => Base.IORING_SETUP_IOPOLL;

    /// <summary>A kernel thread submits.</summary>
    public static uint IORING_SETUP_SQPOLL => Base.IORING_SETUP_SQPOLL;

    /// <summary>cq_entries is given.</summary>
    public static uint IORING_SETUP_CQSIZE => Base.IORING_SETUP_CQSIZE;

    /// <summary>Clamp sizes.</summary>
    public static uint IORING_SETUP_CLAMP => Base.IORING_SETUP_CLAMP;

    /// <summary>Go on after a failed entry (Linux 5.18).</summary>
    public const uint IORING_SETUP_SUBMIT_ALL = 0x80;

    /// <summary>No interrupt for completions (Linux 5.19).</summary>
    public const uint IORING_SETUP_COOP_TASKRUN = 0x100;

    /// <summary>Say when completions wait (Linux 5.19).</summary>
    public const uint IORING_SETUP_TASKRUN_FLAG = 0x200;

    /// <summary>One thread submits (Linux 6.0).</summary>
    public const uint IORING_SETUP_SINGLE_ISSUER = 0x1000;

    /// <summary>Completions only inside enter (Linux 6.1).</summary>
    public const uint IORING_SETUP_DEFER_TASKRUN = 0x2000;

    /// <summary>Both rings in one mapping.</summary>
    public const uint IORING_FEAT_SINGLE_MMAP = 1;

    /// <summary>Completions are never dropped.</summary>
    public const uint IORING_FEAT_NODROP = 2;

    /// <summary>Data are consumed at submission.</summary>
    public static uint IORING_FEAT_SUBMIT_STABLE => Base.IORING_FEAT_SUBMIT_STABLE;

    /// <summary>io_uring_enter takes a time-out (Linux 5.11).</summary>
    public const uint IORING_FEAT_EXT_ARG = 0x100;

    /// <summary>mmap offset of the submission ring.</summary>
    public static uint IORING_OFF_SQ_RING => unchecked((uint)Base.IORING_OFF_SQ_RING);

    /// <summary>mmap offset of the completion ring.</summary>
    public static uint IORING_OFF_CQ_RING => unchecked((uint)Base.IORING_OFF_CQ_RING);

    /// <summary>mmap offset of the entries.</summary>
    public static uint IORING_OFF_SQES => unchecked((uint)Base.IORING_OFF_SQES);

    /// <summary>Wait for completions.</summary>
    public static uint IORING_ENTER_GETEVENTS => Base.IORING_ENTER_GETEVENTS;

    /// <summary>Wake the kernel thread.</summary>
    public static uint IORING_ENTER_SQ_WAKEUP => Base.IORING_ENTER_SQ_WAKEUP;

    /// <summary>The argument is io_uring_getevents_arg.</summary>
    public const uint IORING_ENTER_EXT_ARG = 8;

    /// <summary>The kernel thread sleeps.</summary>
    public static uint IORING_SQ_NEED_WAKEUP => Base.IORING_SQ_NEED_WAKEUP;

    /// <summary>Completions wait outside the ring.</summary>
    public const uint IORING_SQ_CQ_OVERFLOW = 2;

    /// <summary>Completions wait for enter.</summary>
    public const uint IORING_SQ_TASKRUN = 4;

    /// <summary>Nothing.</summary>
    public static uint IORING_OP_NOP => Base.IORING_OP_NOP;

    /// <summary>Read into an iovec.</summary>
    public static uint IORING_OP_READV => Base.IORING_OP_READV;

    /// <summary>Write an iovec.</summary>
    public static uint IORING_OP_WRITEV => Base.IORING_OP_WRITEV;

    /// <summary>Wait for events of a descriptor.</summary>
    public static uint IORING_OP_POLL_ADD => Base.IORING_OP_POLL_ADD;

    /// <summary>Cancel a POLL_ADD.</summary>
    public static uint IORING_OP_POLL_REMOVE => Base.IORING_OP_POLL_REMOVE;

    /// <summary>A time-out.</summary>
    public static uint IORING_OP_TIMEOUT => Base.IORING_OP_TIMEOUT;

    /// <summary>Cancel a time-out.</summary>
    public static uint IORING_OP_TIMEOUT_REMOVE => Base.IORING_OP_TIMEOUT_REMOVE;

    /// <summary>Cancel a request.</summary>
    public static uint IORING_OP_ASYNC_CANCEL => Base.IORING_OP_ASYNC_CANCEL;

    /// <summary>Read.</summary>
    public static uint IORING_OP_READ => Base.IORING_OP_READ;

    /// <summary>Write.</summary>
    public static uint IORING_OP_WRITE => Base.IORING_OP_WRITE;

    /// <summary>Send.</summary>
    public static uint IORING_OP_SEND => Base.IORING_OP_SEND;

    /// <summary>Receive.</summary>
    public static uint IORING_OP_RECV => Base.IORING_OP_RECV;

    /// <summary>POLL_ADD stays armed.</summary>
    public const uint IORING_POLL_ADD_MULTI = 1;

    /// <summary>More completions follow.</summary>
    public const uint IORING_CQE_F_MORE = 2;

    /// <summary>Makes a ring.</summary>
    public static int io_uring_setup(uint entries, io_uring_params* p) =>
        (int)syscall(IsX64 ? x86_64.SYS_io_uring_setup : aarch64.SYS_io_uring_setup, (nint)entries, (nint)p, 0, 0, 0, 0);

    /// <summary>Submits entries and waits for completions.</summary>
    public static int io_uring_enter(int fd, uint to_submit, uint min_complete, uint flags, void* arg, nuint argsz) =>
        (int)syscall(IsX64 ? x86_64.SYS_io_uring_enter : aarch64.SYS_io_uring_enter, fd, (nint)to_submit, (nint)min_complete, (nint)flags, (nint)arg, (nint)argsz);

    /// <summary>Registers resources with a ring.</summary>
    public static int io_uring_register(int fd, uint opcode, void* arg, uint nr_args) =>
        (int)syscall(IsX64 ? x86_64.SYS_io_uring_register : aarch64.SYS_io_uring_register, fd, (nint)opcode, (nint)arg, (nint)nr_args, 0, 0);
}
