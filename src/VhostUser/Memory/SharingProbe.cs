using System.Buffers;
using System.Buffers.Text;
using System.Globalization;

namespace VhostNet.VhostUser.Memory;

/// <summary>
/// Finds out whether the front end maps the memory that it handed over privately: then what the guest writes never arrives here, and its rings look
/// empty for ever. The kernel tells nobody through the descriptor, but /proc shows the front end's mappings to a back end that may look. They are as many as
/// the front end likes, and the kernel waits for the front end while it lists them, so this belongs on a thread that nobody waits for; it looks at so many and
/// no more.
/// </summary>
internal static class SharingProbe
{
    /// <summary>Most bytes of the list that are looked at, some ten thousand mappings; QEMU has a few hundred.</summary>
    public const int BytesMax = 1 << 20;

    private const int BufferSize = 64 << 10;

    /// <summary>Whether a process maps one of the files, and that one only privately. False also when that can't be seen, or would take too long.</summary>
    /// <param name="files">The files.</param>
    /// <param name="process">The process.</param>
    /// <param name="bytes">Bytes of the list that were looked at.</param>
    public static bool IsAnyPrivate(IReadOnlyCollection<FileIdentity> files, int process, out int bytes)
    {
        bytes = 0;
        if (process <= 0 || files.Count == 0)
        {
            return false;
        }

        int fd = open(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/maps"), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
        {
            return false;
        }

        using var list = new FileDescriptor(fd);
        var wanted = files.ToHashSet();
        var isShared = new Dictionary<FileIdentity, bool>();
        return TryRead(list, line => Note(line, wanted, isShared), ref bytes) && isShared.ContainsValue(false);
    }

    private static bool TryRead(FileDescriptor list, SpanAction note, ref int bytes)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            return TryRead(list, buffer, note, ref bytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static bool TryRead(FileDescriptor list, byte[] buffer, SpanAction note, ref int bytes)
    {
        int have = 0;
        while (bytes < BytesMax)
        {
            nint count = read(list.Value, buffer.AsSpan(have));
            if (count <= 0)
            {
                return count == 0;
            }

            bytes += (int)count;
            have += (int)count;
            int begin = 0;
            while (buffer.AsSpan(begin, have - begin).IndexOf((byte)'\n') is >= 0 and var length)
            {
                note(buffer.AsSpan(begin, length));
                begin += length + 1;
            }

            buffer.AsSpan(begin, have - begin).CopyTo(buffer);
            have -= begin;
            if (have == buffer.Length)
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>A line: address range, permissions (the fourth is s or p), offset, device, inode, name.</summary>
    private static void Note(ReadOnlySpan<byte> line, HashSet<FileIdentity> wanted, Dictionary<FileIdentity, bool> isShared)
    {
        Take(ref line);
        ReadOnlySpan<byte> permissions = Take(ref line);
        Take(ref line);
        ReadOnlySpan<byte> device = Take(ref line);
        ReadOnlySpan<byte> inode = Take(ref line);
        int colon = device.IndexOf((byte)':');
        if (colon < 0 || permissions.Length != 4 || !Utf8Parser.TryParse(device[..colon], out uint major, out _, 'x')
            || !Utf8Parser.TryParse(device[(colon + 1)..], out uint minor, out _, 'x') || !Utf8Parser.TryParse(inode, out ulong number, out _))
        {
            return;
        }

        var file = new FileIdentity(major, minor, number);
        if (wanted.Contains(file))
        {
            isShared[file] = permissions[3] == (byte)'s' || isShared.GetValueOrDefault(file);
        }
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> line)
    {
        line = line.TrimStart((byte)' ');
        int end = line.IndexOf((byte)' ');
        ReadOnlySpan<byte> field = end < 0 ? line : line[..end];
        line = line[field.Length..];
        return field;
    }

    private delegate void SpanAction(ReadOnlySpan<byte> line);
}
