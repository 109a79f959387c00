using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>Argument of UFFDIO_API.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct uffdio_api
{
    /// <summary>UFFD_API.</summary>
    public ulong api;

    /// <summary>Features wanted, then features there.</summary>
    public ulong features;

    /// <summary>Ioctls there.</summary>
    public ulong ioctls;
}

/// <summary>A range.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct uffdio_range
{
    /// <summary>First byte.</summary>
    public ulong start;

    /// <summary>Bytes.</summary>
    public ulong len;
}

/// <summary>Argument of UFFDIO_REGISTER.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct uffdio_register
{
    /// <summary>The range.</summary>
    public uffdio_range range;

    /// <summary>UFFDIO_REGISTER_MODE_.</summary>
    public ulong mode;

    /// <summary>Ioctls of the range.</summary>
    public ulong ioctls;
}

/// <summary>Argument of UFFDIO_COPY.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct uffdio_copy
{
    /// <summary>Destination.</summary>
    public ulong dst;

    /// <summary>Source.</summary>
    public ulong src;

    /// <summary>Bytes.</summary>
    public ulong len;

    /// <summary>UFFDIO_COPY_MODE_.</summary>
    public ulong mode;

    /// <summary>Bytes that were copied, or a negative errno.</summary>
    public long copy;
}

/// <summary>Argument of UFFDIO_ZEROPAGE.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct uffdio_zeropage
{
    /// <summary>The range.</summary>
    public uffdio_range range;

    /// <summary>Mode.</summary>
    public ulong mode;

    /// <summary>Bytes that were filled, or a negative errno.</summary>
    public long zeropage;
}

/// <summary>An event that is read from the descriptor. The address of a page fault is <see cref="address"/>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct uffd_msg
{
    /// <summary>UFFD_EVENT_.</summary>
    [FieldOffset(0)]
    public byte @event;

    /// <summary>UFFD_PAGEFAULT_FLAG_.</summary>
    [FieldOffset(8)]
    [CLayout("arg.pagefault.flags")]
    public ulong flags;

    /// <summary>Address of the fault.</summary>
    [FieldOffset(16)]
    [CLayout("arg.pagefault.address")]
    public ulong address;
}

/// <content>linux/userfaultfd.h</content>
public static partial class LibC
{
    /// <summary>The API's version.</summary>
    public const ulong UFFD_API = 0xaa;

    /// <summary>Negotiate features.</summary>
    public const uint UFFDIO_API = 0xc018aa3f;

    /// <summary>Register a range.</summary>
    public const uint UFFDIO_REGISTER = 0xc020aa00;

    /// <summary>Unregister a range.</summary>
    public const uint UFFDIO_UNREGISTER = 0x8010aa01;

    /// <summary>Wake the threads that wait on a range.</summary>
    public const uint UFFDIO_WAKE = 0x8010aa02;

    /// <summary>Fill pages and wake.</summary>
    public const uint UFFDIO_COPY = 0xc028aa03;

    /// <summary>Fill with zeros and wake.</summary>
    public const uint UFFDIO_ZEROPAGE = 0xc020aa04;

    /// <summary>Map what the page cache has.</summary>
    public const uint UFFDIO_CONTINUE = 0xc020aa07;

    /// <summary>Faults on missing pages.</summary>
    public const uint UFFDIO_REGISTER_MODE_MISSING = 1;

    /// <summary>Faults on write protection.</summary>
    public const uint UFFDIO_REGISTER_MODE_WP = 2;

    /// <summary>Faults on unmapped page-cache pages.</summary>
    public const uint UFFDIO_REGISTER_MODE_MINOR = 4;

    /// <summary>Do not wake.</summary>
    public const uint UFFDIO_COPY_MODE_DONTWAKE = 1;

    /// <summary>A fault.</summary>
    public const int UFFD_EVENT_PAGEFAULT = 0x12;

    /// <summary>A range was removed.</summary>
    public const int UFFD_EVENT_REMOVE = 0x15;

    /// <summary>A range was unmapped.</summary>
    public const int UFFD_EVENT_UNMAP = 0x16;

    /// <summary>The access was a write.</summary>
    public const int UFFD_PAGEFAULT_FLAG_WRITE = 1;

    /// <summary>Missing faults on huge pages.</summary>
    public const ulong UFFD_FEATURE_MISSING_HUGETLBFS = 0x10;

    /// <summary>Missing faults on shared memory.</summary>
    public const ulong UFFD_FEATURE_MISSING_SHMEM = 0x20;

    /// <summary>Removal events.</summary>
    public const ulong UFFD_FEATURE_EVENT_REMOVE = 8;

    /// <summary>Faults carry the thread's id.</summary>
    public const ulong UFFD_FEATURE_THREAD_ID = 0x100;

    /// <summary>Minor faults on shared memory.</summary>
    public const ulong UFFD_FEATURE_MINOR_SHMEM = 0x400;

    /// <summary>Only faults from user space.</summary>
    public const int UFFD_USER_MODE_ONLY = 1;

    /// <summary>Makes a userfaultfd.</summary>
    public static int userfaultfd(int flags) =>
        (int)syscall(IsX64 ? x86_64.SYS_userfaultfd : aarch64.SYS_userfaultfd, flags, 0, 0, 0, 0, 0);
}
