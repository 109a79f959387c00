using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Asks the CPU to fetch a line that will be needed soon; nothing where the CPU has no such instruction in .NET.</summary>
public static unsafe class Prefetch
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
}
