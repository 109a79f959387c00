using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Asks the CPU to fetch a line that will be needed soon; nothing where the CPU has no such instruction in .NET.</summary>
internal static unsafe class Prefetch
{
    /// <summary>For reading.</summary>
    // SAFETY: a prefetch never faults, whatever the address.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(nint address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0((void*)address);
        }
    }

    /// <summary>
    /// The beginning of a buffer. One that is read is asked for two lines, because its virtio_net_hdr often ends one and the frame begins the next; one that is
    /// written for one, because a line that is stored to whole need not come here first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Frame(nint address, bool write)
    {
        Read(address);
        if (!write)
        {
            Read(address + 64);
        }
    }
}
