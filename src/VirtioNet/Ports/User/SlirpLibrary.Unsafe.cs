using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Errors;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>libslirp.h: the functions that are used, with their own names. Loaded at the first call.</summary>
// SAFETY: the signatures are those of libslirp 4.7's header; who calls them keeps the pointers valid as each one documents.
internal static unsafe partial class SlirpLibrary
{
    public const int SLIRP_POLL_IN = 1;
    public const int SLIRP_POLL_OUT = 2;
    public const int SLIRP_POLL_PRI = 4;
    public const int SLIRP_POLL_ERR = 8;
    public const int SLIRP_POLL_HUP = 16;
    public const int SLIRP_HOSTFWD_UDP = 1;

    private const string Library = "libslirp.so.0";

    /// <summary>
    /// The library takes two buffers of 128 KiB for each TCP connection and touches few of their pages. As mappings of their own they cost what was touched;
    /// out of the heap, where the C library puts them once it has seen such a block freed, they cost all of it: 240 MiB for a full quota instead of 21.
    /// </summary>
    private const int BufferThreshold = 128 << 10;

    /// <summary>
    /// Held around every call: the library keeps a few things, such as the host's name server, in variables of its own that all instances share.
    /// </summary>
    public static Lock Lock { get; } = new();

    /// <summary>Makes sure that the library is there and new enough.</summary>
    /// <exception cref="PortException">It isn't; the message names the package.</exception>
    public static void Require()
    {
        string? version;
        try
        {
            version = Marshal.PtrToStringUTF8(slirp_version_string());
        }
        catch (DllNotFoundException e)
        {
            throw new PortException($"user networking needs {Library}, which is not installed; install it (Debian and Ubuntu: apt-get install libslirp0) or choose another uplink", e);
        }

        if (!System.Version.TryParse(version?.Split('-')[0], out Version? parsed) || parsed < new Version(4, 7))
        {
            throw new PortException($"user networking needs {Library} of version 4.7 or later; version {version} is installed");
        }

        try
        {
            _ = mallopt(M_MMAP_THRESHOLD, BufferThreshold);
        }
        catch (EntryPointNotFoundException)
        {
            // A C library without it (musl) makes mappings of such blocks anyway.
        }
    }

    [LibraryImport(Library)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial void* slirp_new(SlirpConfig* cfg, SlirpCb* callbacks, void* opaque);

    [LibraryImport(Library)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial void slirp_cleanup(void* slirp);

    [LibraryImport(Library)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial void slirp_input(void* slirp, byte* pkt, int pkt_len);

    [LibraryImport(Library)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial void slirp_pollfds_fill(void* slirp, uint* timeout, delegate* unmanaged[Cdecl]<int, int, void*, int> add_poll, void* opaque);

    [LibraryImport(Library)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial void slirp_pollfds_poll(void* slirp, int select_error, delegate* unmanaged[Cdecl]<int, void*, int> get_revents, void* opaque);

    [LibraryImport(Library)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial void slirp_handle_timer(void* slirp, int id, void* cb_opaque);

    [LibraryImport(Library, SetLastError = true)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial int slirp_add_hostxfwd(void* slirp, void* haddr, uint haddrlen, void* gaddr, uint gaddrlen, int flags);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    public static partial int slirp_add_unix(void* slirp, string unixsock, uint* guest_addr, int guest_port);

    [LibraryImport(Library)]
    [UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]
    private static partial nint slirp_version_string();
}
