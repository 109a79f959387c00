using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <content>sys/syscall.h</content>
public static unsafe partial class LibC
{
    /// <summary>System call numbers of x86-64.</summary>
    public static class x86_64
    {
        /// <summary>io_setup.</summary>
        public static int SYS_io_setup => Base.SYS_io_setup;

        /// <summary>io_destroy.</summary>
        public static int SYS_io_destroy => Base.SYS_io_destroy;

        /// <summary>io_getevents.</summary>
        public static int SYS_io_getevents => Base.SYS_io_getevents;

        /// <summary>io_submit.</summary>
        public static int SYS_io_submit => Base.SYS_io_submit;

        /// <summary>membarrier.</summary>
        public const int SYS_membarrier = 324;

        /// <summary>userfaultfd.</summary>
        public const int SYS_userfaultfd = 323;

        /// <summary>io_uring_setup.</summary>
        public const int SYS_io_uring_setup = 425;

        /// <summary>io_uring_enter.</summary>
        public const int SYS_io_uring_enter = 426;

        /// <summary>io_uring_register.</summary>
        public const int SYS_io_uring_register = 427;

        /// <summary>pidfd_open.</summary>
        public const int SYS_pidfd_open = 434;

        /// <summary>pidfd_getfd.</summary>
        public const int SYS_pidfd_getfd = 438;

        /// <summary>epoll_pwait2 (Linux 5.11).</summary>
        public const int SYS_epoll_pwait2 = 441;

        /// <summary>Fail if the path is not a directory.</summary>
        public static int O_DIRECTORY => Base.O_DIRECTORY;

        /// <summary>Do not follow a final symbolic link.</summary>
        public static int O_NOFOLLOW => Base.O_NOFOLLOW;
    }

    /// <summary>System call numbers of arm64.</summary>
    public static class aarch64
    {
        /// <summary>io_setup.</summary>
        public static int SYS_io_setup => Base.SYS_io_setup;

        /// <summary>io_destroy.</summary>
        public static int SYS_io_destroy => Base.SYS_io_destroy;

        /// <summary>io_getevents.</summary>
        public static int SYS_io_getevents => Base.SYS_io_getevents;

        /// <summary>io_submit.</summary>
        public static int SYS_io_submit => Base.SYS_io_submit;

        /// <summary>membarrier.</summary>
        public const int SYS_membarrier = 283;

        /// <summary>userfaultfd.</summary>
        public const int SYS_userfaultfd = 282;

        /// <summary>io_uring_setup.</summary>
        public const int SYS_io_uring_setup = 425;

        /// <summary>io_uring_enter.</summary>
        public const int SYS_io_uring_enter = 426;

        /// <summary>io_uring_register.</summary>
        public const int SYS_io_uring_register = 427;

        /// <summary>pidfd_open.</summary>
        public const int SYS_pidfd_open = 434;

        /// <summary>pidfd_getfd.</summary>
        public const int SYS_pidfd_getfd = 438;

        /// <summary>epoll_pwait2 (Linux 5.11).</summary>
        public const int SYS_epoll_pwait2 = 441;

        /// <summary>Fail if the path is not a directory.</summary>
        public static int O_DIRECTORY => Base.O_DIRECTORY;

        /// <summary>Do not follow a final symbolic link.</summary>
        public static int O_NOFOLLOW => Base.O_NOFOLLOW;
    }

    private static bool IsX64 => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Fail if the path is not a directory.</summary>
    public static int O_DIRECTORY => IsX64 ? x86_64.O_DIRECTORY : aarch64.O_DIRECTORY;

    /// <summary>Do not follow a final symbolic link.</summary>
    public static int O_NOFOLLOW => IsX64 ? x86_64.O_NOFOLLOW : aarch64.O_NOFOLLOW;

    private static nint syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f) =>
        (nint)(long)(Tmds.Linux.ssize_t)Base.syscall((void*)number, (void*)a, (void*)b, (void*)c, (void*)d, (void*)e, (void*)f);

    /// <summary>Refers to a process by a descriptor.</summary>
    public static int pidfd_open(int pid, uint flags) =>
        (int)syscall(IsX64 ? x86_64.SYS_pidfd_open : aarch64.SYS_pidfd_open, pid, (nint)flags, 0, 0, 0, 0);

    /// <summary>Takes a copy of another process's descriptor.</summary>
    public static int pidfd_getfd(int pidfd, int targetfd, uint flags) =>
        (int)syscall(IsX64 ? x86_64.SYS_pidfd_getfd : aarch64.SYS_pidfd_getfd, pidfd, targetfd, (nint)flags, 0, 0, 0);
}
