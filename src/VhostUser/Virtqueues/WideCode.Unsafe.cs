using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// Functions that are linked into the native build for x86-64 (Native/wide.c), because its compiler takes no instruction set beyond the baseline for a part of
/// a file; which registers they use is chosen when the file is loaded. Elsewhere there are none, and the compiler at run time, or the baseline of arm64, does
/// as well. Any thread.
/// </summary>
internal static unsafe partial class WideCode
{
    private const string Library = "vhostnet_wide";

    // A call without a transition is bound when its caller is compiled, taken or not. So each stands alone in a member that is not inlined: a runtime that
    // compiles a caller of that member, with no such library, does not look for it.

    /// <summary>Whether they are there. The native compiler takes this for a constant.</summary>
    [FeatureSwitchDefinition("VhostNet.WideCode.IsLinked")]
    public static bool IsLinked { get; } = AppContext.TryGetSwitch("VhostNet.WideCode.IsLinked", out bool isLinked) && isLinked;

    /// <summary>Adds up 32-bit words as they lie in memory; the missing bytes of the last one count as 0.</summary>
    /// <returns>A sum to be folded.</returns>
    // SAFETY: reads [from, from + length), which the caller vouches for. It makes no call and ends after length bytes, so that the collector may wait for it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Add(byte* from, uint length) => AddOnly(null, from, length);

    /// <summary>Copies, and adds up what was copied, each byte loaded once.</summary>
    /// <returns>A sum to be folded.</returns>
    // SAFETY: as Add, and writes [to, to + length); the ranges don't overlap.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Copy(byte* to, byte* from, uint length) => AddCopy(to, from, length);

    /// <summary>Whether the CPU has CLDEMOTE: 1 or 0.</summary>
    [LibraryImport(Library, EntryPoint = "vhostnet_has_demotion")]
    internal static partial int HasDemotion();

    /// <summary>Moves the two lines that the beginnings of chains' first segments lie in to the shared cache.</summary>
    // SAFETY: the structures are the caller's; the instruction is a hint that neither faults nor changes memory, whatever the address.
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Demote(Chain* at, nuint count, nuint stride) => DemoteLines(at, count, stride);

    [LibraryImport(Library, EntryPoint = "vhostnet_demote")]
    [SuppressGCTransition]
    private static partial void DemoteLines(Chain* at, nuint count, nuint stride);

    [LibraryImport(Library, EntryPoint = "vhostnet_add")]
    [SuppressGCTransition]
    private static partial ulong AddOnly(byte* none, byte* from, nuint length);

    [LibraryImport(Library, EntryPoint = "vhostnet_copy")]
    [SuppressGCTransition]
    private static partial ulong AddCopy(byte* to, byte* from, nuint length);
}
