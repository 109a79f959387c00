using System.Runtime.InteropServices;
using System.Text;

namespace VhostNet.LibC;

/// <summary>A Unix socket's address.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct sockaddr_un
{
    /// <summary>AF_UNIX.</summary>
    public ushort sun_family;

    /// <summary>The path with its terminator.</summary>
    public fixed byte sun_path[108];

    /// <summary>Makes the address of a path.</summary>
    /// <exception cref="ArgumentException">The path is empty or its UTF-8 form takes more than 107 bytes.</exception>
    public static sockaddr_un FromPath(string path)
    {
        int length = Encoding.UTF8.GetByteCount(path);
        if (length is 0 or > 107 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException($"The socket path '{path}' takes {length} bytes; 1 to 107 without a zero byte are allowed.", nameof(path));
        }

        sockaddr_un address = new() { sun_family = (ushort)LibC.AF_UNIX };
        Encoding.UTF8.GetBytes(path, new Span<byte>(address.sun_path, 107));
        return address;
    }
}

/// <content>sys/un.h</content>
public static partial class LibC
{
}
