using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Tests.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Tests.Memory;

public sealed class WriteLoggerTests
{
    [Fact]
    public void test_regression_a_segment_in_two_regions_is_marked_in_both()
    {
        // Behind a vIOMMU, two regions may be neighbours in I/O addresses and here, but not in guest memory.
        const ulong mapped = 0x7f00_0000_0000;
        var log = new MarkList();
        var layout = new VirtqueueLayout
        {
            Index = 0,
            Size = 1,
            Features = 0,
            Descriptors = 0,
            Driver = 0,
            Device = 0,
            Buffers = AddressSpace.Empty,
            Host = new AddressSpace([new MemoryWindow(mapped, 0x2000, 0x10_0000), new MemoryWindow(mapped + 0x2000, 0x2000, 0x90_0000)]),
            Log = log,
        };
        using var burst = new ChainBurst();
        burst.SetSingle(0, unchecked((nint)(mapped + 0x1800)), 0x1000);
        burst[0].Written = 0xa00;
        WriteLogger.MarkChain(layout, burst, 0);
        Assert.Equal([(0x10_1800UL, 0x800UL), (0x90_0000UL, 0x200UL)], log.Marks);
    }

    /// <summary>More completions than the ring has slots: each marks the slot that it was written to, and none lies behind the ring.</summary>
    [Fact]
    public void CompletionsBeyondTheRingsSizeMarkTheirSlots()
    {
        const int size = 1024;
        const ulong used = 0x40_0000;
        using var pair = new RingPair(VirtioFeatures.VERSION_1, size);
        var log = new MarkList();
        using Virtqueue device = VirtqueueFactory.Create(pair.Layout with { Log = log, UsedLogAddress = used }, pair.Driver.StartBase);
        device.Enabled = true;
        ulong buffer = pair.Memory.Allocate(64);
        var taken = new UsedChain[1];
        for (int i = 0; i < (2 * size) + 100; i++)
        {
            Assert.True(pair.Driver.Add([new GuestBuffer(buffer, 64, false)]) >= 0);
            pair.Driver.Publish();
            Assert.Equal(1, device.Peek(pair.Burst, 1, ChainDirection.Readable));
            log.Marks.Clear();
            device.Complete(1);
            Assert.Equal([(used + 4 + (ulong)(8 * (i % size)), 8UL), (used + 2, 2UL)], log.Marks);
            Assert.Equal(1, pair.Driver.CollectUsed(taken));
        }
    }

    private sealed class MarkList : IDirtyLog
    {
        public List<(ulong Address, ulong Length)> Marks { get; } = [];

        public void Mark(ulong address, ulong length) => Marks.Add((address, length));

        public void Flush()
        {
        }
    }
}
