using System.Runtime.InteropServices;
using System.Text;

namespace VhostNet.LibC;

/// <summary>Argument of interface ioctls.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
public unsafe struct ifreq
{
    /// <summary>Name with its terminator.</summary>
    [FieldOffset(0)]
    public fixed byte ifr_name[16];

    /// <summary>Address.</summary>
    [FieldOffset(16)]
    public sockaddr ifr_addr;

    /// <summary>Hardware address.</summary>
    [FieldOffset(16)]
    public sockaddr ifr_hwaddr;

    /// <summary>Flags.</summary>
    [FieldOffset(16)]
    public short ifr_flags;

    /// <summary>Index.</summary>
    [FieldOffset(16)]
    public int ifr_ifindex;

    /// <summary>MTU.</summary>
    [FieldOffset(16)]
    public int ifr_mtu;

    /// <summary>Queue length.</summary>
    [FieldOffset(16)]
    public int ifr_qlen;

    /// <summary>Pointer of an ethtool command.</summary>
    [FieldOffset(16)]
    public void* ifr_data;

    /// <summary>Makes a request for an interface.</summary>
    /// <exception cref="ArgumentException">The name is longer than 15 bytes.</exception>
    public static ifreq ForName(string name)
    {
        int length = Encoding.UTF8.GetByteCount(name);
        if (length > LibC.IFNAMSIZ - 1)
        {
            throw new ArgumentException($"The interface name '{name}' takes {length} bytes; at most {LibC.IFNAMSIZ - 1} are allowed.", nameof(name));
        }

        ifreq request = default;
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.ifr_name, LibC.IFNAMSIZ - 1));
        return request;
    }

    /// <summary>The name as text.</summary>
    public readonly string Name
    {
        get
        {
            fixed (byte* p = ifr_name)
            {
                ReadOnlySpan<byte> bytes = new(p, LibC.IFNAMSIZ);
                int end = bytes.IndexOf((byte)0);
                return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
            }
        }
    }
}

/// <content>net/if.h</content>
public static partial class LibC
{
    /// <summary>Bytes of an interface name with its terminator.</summary>
    public const int IFNAMSIZ = 0x10;

    /// <summary>The interface is up.</summary>
    public const int IFF_UP = 1;

    /// <summary>Has a broadcast address.</summary>
    public const int IFF_BROADCAST = 2;

    /// <summary>Is a loopback.</summary>
    public const int IFF_LOOPBACK = 8;

    /// <summary>Resources are allocated.</summary>
    public const int IFF_RUNNING = 0x40;

    /// <summary>No ARP.</summary>
    public const int IFF_NOARP = 0x80;

    /// <summary>Receives everything.</summary>
    public const int IFF_PROMISC = 0x100;

    /// <summary>Receives all multicast.</summary>
    public const int IFF_ALLMULTI = 0x200;

    /// <summary>Supports multicast.</summary>
    public const int IFF_MULTICAST = 0x1000;

    /// <summary>Index of an interface, 0 if there is none.</summary>
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial uint if_nametoindex(string ifname);
}
