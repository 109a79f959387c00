using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.TestKit;

/// <summary>
/// Native memory of rings and bursts behind fences: each block ends where a page begins that nobody may touch, and has another such page in front. Freed memory
/// becomes untouchable and stays where it is for a long time, so that a use after free is a fault at once instead of somebody else's bytes.
/// </summary>
public sealed class FencedRingAllocator : IDisposable
{
    /// <summary>Freed memory that stays mapped, so that its addresses are not given to anybody else.</summary>
    private const long QuarantineMax = 64 << 20;

    private readonly Fenced _allocator = new();
    private readonly RingAllocator _before = RingAllocator.Current;

    private FencedRingAllocator() => RingAllocator.Current = _allocator;

    /// <summary>Blocks in use.</summary>
    public int Live => _allocator.Live;

    /// <summary>Blocks that were freed.</summary>
    public long Freed => _allocator.Freed;

    /// <summary>Puts fences around whatever is allocated from now on, in the whole process, until the result is disposed of.</summary>
    public static FencedRingAllocator Install() => new();

    public void Dispose() => RingAllocator.Current = _before;

    private sealed class Fenced : RingAllocator
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<nint, (nint Start, nuint Size)> _blocks = [];
        private readonly Queue<(nint Start, nuint Size)> _quarantine = new();
        private long _quarantined;

        public int Live
        {
            get
            {
                lock (_lock)
                {
                    return _blocks.Count;
                }
            }
        }

        public long Freed { get; private set; }

        // The mapping is made here, with a page to spare at both ends; only its middle is accessible, and the block lies at the end of that.
        public override nint Allocate(nuint bytes)
        {
            nuint page = (nuint)Environment.SystemPageSize;
            nuint rounded = (bytes + 63) & ~(nuint)63;
            nuint middle = (rounded + page - 1) & ~(page - 1);
            nuint size = middle + (2 * page);
            nint start = mmap(0, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (start == MAP_FAILED || mprotect(start + (nint)page, middle, PROT_READ | PROT_WRITE) < 0)
            {
                throw new InvalidOperationException($"No fenced block of {bytes} bytes could be mapped: {Errno.Last}.");
            }

            nint block = start + (nint)(page + middle - rounded);
            lock (_lock)
            {
                _blocks.Add(block, (start, size));
            }

            return block;
        }

        // Only mappings made above are touched; what is unmapped was freed long ago.
        public override void Free(nint address, nuint bytes)
        {
            lock (_lock)
            {
                if (!_blocks.Remove(address, out (nint Start, nuint Size) mapping))
                {
                    throw new InvalidOperationException($"The block at 0x{address:x} was freed twice, or is none.");
                }

                _ = madvise(mapping.Start, mapping.Size, MADV_DONTNEED);
                if (mprotect(mapping.Start, mapping.Size, PROT_NONE) < 0)
                {
                    throw new InvalidOperationException($"The block at 0x{address:x} could not be fenced: {Errno.Last}.");
                }

                Freed++;
                _quarantine.Enqueue(mapping);
                _quarantined += (long)mapping.Size;
                while (_quarantined > QuarantineMax)
                {
                    (nint start, nuint size) = _quarantine.Dequeue();
                    _quarantined -= (long)size;
                    _ = munmap(start, size);
                }
            }
        }
    }
}
