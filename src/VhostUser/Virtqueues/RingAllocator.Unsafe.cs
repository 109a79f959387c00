using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// Where the native memory of rings and bursts comes from. Tests and the fuzzer put a fenced one in its place, in which freed memory faults. It is asked when a
/// block is made and freed, never on the data path; a block remembers the allocator that it came from.
/// </summary>
internal abstract class RingAllocator
{
    /// <summary>The one in use, for the whole process.</summary>
    public static RingAllocator Current { get; set; } = new NativeAllocator();

    /// <summary>A block of at least so many bytes, zeroed, aligned to 64.</summary>
    public abstract nint Allocate(nuint bytes);

    /// <summary>Takes a block back.</summary>
    public abstract void Free(nint address, nuint bytes);

    // SAFETY: the addresses are handed on, not followed, but for the clearing of a block that was just allocated with that size.
    private sealed unsafe class NativeAllocator : RingAllocator
    {
        public override nint Allocate(nuint bytes)
        {
            void* block = NativeMemory.AlignedAlloc(bytes, 64);
            NativeMemory.Clear(block, bytes);
            return (nint)block;
        }

        public override void Free(nint address, nuint bytes) => NativeMemory.AlignedFree((void*)address);
    }
}
