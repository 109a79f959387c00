using System.Globalization;
using System.Text;

namespace VhostNet.VhostUser.Memory;

/// <summary>
/// Finds out what a descriptor is that a front end sent, by calls that don't ask anybody: a file system's server may be the front end itself. Any thread.
/// </summary>
internal static unsafe class StrangerFile
{
    private const int NameMax = 64;

    private static ReadOnlySpan<byte> EventFdName => "anon_inode:[eventfd]"u8;

    /// <summary>Whether it is an eventfd. False also where there is no /proc to tell.</summary>
    public static bool IsEventFd(int fd)
    {
        Span<byte> name = stackalloc byte[NameMax];
        return statx_nowait(fd, STATX_TYPE, out statx_t facts) == 0 && (facts.stx_mode & S_IFMT) == 0 && name[..Read(fd, name)].SequenceEqual(EventFdName);
    }

    /// <summary>What it is, if it is no eventfd for certain; null when it is one, or when nobody can tell.</summary>
    /// <exception cref="ErrnoException">It can't be examined.</exception>
    public static string? FindOther(FileDescriptor descriptor)
    {
        if (statx_nowait(descriptor.Value, STATX_TYPE, out statx_t facts) < 0)
        {
            Errno.Last.Throw("statx of a received descriptor");
        }

        if ((facts.stx_mode & S_IFMT) != 0)
        {
            return $"a file of mode 0{Convert.ToString(facts.stx_mode, 8)}";
        }

        // An anonymous file has no type at all; which kind it is, only /proc tells, where there is one.
        Span<byte> name = stackalloc byte[NameMax];
        name = name[..Read(descriptor.Value, name)];
        return name.IsEmpty || name.SequenceEqual(EventFdName) ? null : Encoding.UTF8.GetString(name);
    }

    // SAFETY: the pinned span bounds what is written. The name of an open file is told without looking at the file.
    private static int Read(int fd, Span<byte> name)
    {
        fixed (byte* buffer = name)
        {
            nint length = readlink(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{fd}"), buffer, (nuint)name.Length);
            return (int)Math.Max(length, 0);
        }
    }
}
