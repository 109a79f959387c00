using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>
/// The double fetch (CVE-2020-14375 and its kin): a guest changes a descriptor between its check and its use. Two descriptors take turns in one place; each is
/// good by itself, but the address of one with the length of the other reaches past the end of memory. Whatever the device reads, what it accepts must be inside.
/// </summary>
public sealed class DoubleFetchTests
{
    private const ulong Size = 16 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(0)]
    [InlineData(VirtioFeatures.RING_PACKED)]
    public void test_regression_a_descriptor_that_changes_while_it_is_read_never_leaves_memory(ulong layout)
    {
        using var ring = new RingPair(VirtioFeatures.VERSION_1 | layout, 4);
        RawRing raw = ring.Driver.Raw;
        ushort flags = layout == 0 ? (ushort)0 : PackedDescriptor.F_AVAIL;
        var last = new RawDescriptor(RingPair.MemoryBase + Size - 64, 64, flags, 0);
        var large = new RawDescriptor(RingPair.MemoryBase, 0x1_0000, flags, 0);
        raw[0] = last;
        if (layout == 0)
        {
            raw.SetAvail(0, 0);
            raw.AvailIndex = 1;
        }

        using var turns = new Turns(raw, last, large);
        long needed = LooksUntilTheFault(raw);
        nint start = ring.Memory.HostAddress(RingPair.MemoryBase);
        (long good, long refused) = (0, 0);
        for (long i = 0; i < Math.Clamp(10 * needed, 300_000, 2_000_000); i++)
        {
            Assert.Equal(1, ring.Device.Peek(ring.Burst, 4, ChainDirection.Readable));
            Chain chain = ring.Burst[0];
            if (chain.IsMalformed)
            {
                refused++;
                continue;
            }

            good++;
            Assert.InRange(chain.Address, start, start + (nint)Size);
            Assert.InRange(chain.Address - start + chain.TotalLength, 0, (long)Size);
        }

        Assert.True(good > 0, "no look found a good descriptor");
        Assert.True(refused > 0 || needed > 1_000_000, "no look found the two mixed");
    }

    /// <summary>The known-bad twin: checks one reading and uses another. Tells after how many looks that went wrong, so that the test is known to see it.</summary>
    private static long LooksUntilTheFault(RawRing raw)
    {
        long end = Environment.TickCount64 + (long)s_patience.TotalMilliseconds;
        for (long looks = 1; Environment.TickCount64 < end; looks++)
        {
            if (IsInside(raw[0]) && !IsInside(raw[0]))
            {
                return looks;
            }
        }

        Assert.Fail("a device that reads twice was never caught: the test can't tell");
        return 0;
    }

    private static bool IsInside(RawDescriptor d) => d.Address - RingPair.MemoryBase + d.Length <= Size;

    /// <summary>The guest's thread.</summary>
    private sealed class Turns : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _stop;

        public Turns(RawRing raw, RawDescriptor one, RawDescriptor other)
        {
            _thread = new Thread(() =>
            {
                while (!_stop)
                {
                    raw[0] = one;
                    raw[0] = other;
                }
            });
            _thread.Start();
        }

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
        }
    }
}
