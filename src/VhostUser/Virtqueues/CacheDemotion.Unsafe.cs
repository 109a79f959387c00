using System.Runtime.Intrinsics.X86;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// Moves lines that were just written out of this CPU's own caches into the level that all CPUs share (x86 CLDEMOTE), where the guest's CPU finds them in half
/// the time and without disturbing this one. .NET has no such intrinsic: the instruction is in a function that the native build links, and otherwise stands in
/// a page of code that is made here, once. Nothing where the CPU does not have it. Any thread.
/// </summary>
internal static unsafe class CacheDemotion
{
    /// <summary>CPUID leaf 7, subleaf 0, ECX: the instruction exists.</summary>
    private const int FeatureBit = 1 << 25;

    // SAFETY: points at the code below, which is never unmapped and follows the System V calling convention; null where there is none. It ends after a loop of
    // count turns without a call or a transition of its own, so that the collector may wait for it.
    private static readonly delegate* unmanaged[SuppressGCTransition]<Chain*, nint, nint, void> s_demote = Create();

    private static readonly bool s_isLinked = WideCode.IsLinked && WideCode.HasDemotion() != 0;

    /// <summary>True when the CPU has the instruction and its code could be mapped.</summary>
    public static bool IsSupported => WideCode.IsLinked ? s_isLinked : s_demote != null;

    /// <summary>
    /// Demotes the two lines that the beginnings of these chains' first segments lie in: a virtio_net_hdr often ends one, and the frame begins the next.
    /// </summary>
    /// <param name="chains">The first chain.</param>
    /// <param name="count">How many.</param>
    // SAFETY: the chains are the caller's; the instruction is a hint that neither faults nor changes memory, whatever the address.
    public static void Beginnings(Chain* chains, int count)
    {
        if (WideCode.IsLinked)
        {
            WideCode.Demote(chains, (nuint)count, (nuint)sizeof(Chain));
        }
        else if (s_demote != null && count > 0)
        {
            s_demote(chains, count, sizeof(Chain));
        }
    }

    // SAFETY: the page is written before it becomes executable and never again.
    private static delegate* unmanaged[SuppressGCTransition]<Chain*, nint, nint, void> Create()
    {
        if (WideCode.IsLinked || !X86Base.X64.IsSupported || (X86Base.CpuId(7, 0).Ecx & FeatureBit) == 0)
        {
            return null;
        }

        ReadOnlySpan<byte> code =
        [
            0x48, 0x8b, 0x07,       // next: mov rax, [rdi]      Chain.Address, the structure's first field
            0x0f, 0x1c, 0x00,       //       cldemote [rax]
            0x0f, 0x1c, 0x40, 0x40, //       cldemote [rax + 64]
            0x48, 0x01, 0xd7,       //       add rdi, rdx
            0x48, 0xff, 0xce,       //       dec rsi
            0x75, 0xee,             //       jnz next
            0xc3,                   //       ret
        ];
        nuint size = (nuint)Environment.SystemPageSize;
        nint page = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
        {
            return null;
        }

        code.CopyTo(new Span<byte>((void*)page, code.Length));
        if (mprotect(page, size, PROT_READ | PROT_EXEC) != 0)
        {
            // A policy that forbids it costs speed, nothing else.
            _ = munmap(page, size);
            return null;
        }

        return (delegate* unmanaged[SuppressGCTransition]<Chain*, nint, nint, void>)page;
    }
}
