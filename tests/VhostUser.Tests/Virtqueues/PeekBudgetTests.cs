using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Tests.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Virtqueues;

/// <summary>One peek walks no more than a burst's share of descriptors and pieces of memory, whatever the chains are, says how many, and takes them from the budget it was given.</summary>
public sealed class PeekBudgetTests
{
    private const ushort NEXT = 1, AVAIL = 0x80;
    private const int RingSize = 32_768;
    private const int Regions = 400;
    private const ulong First = 0x20_0000_0000;

    /// <summary>A burst's walks: as many as its segment array has, and one last chain, of a packed ring the longest, with a buffer that spans every region.</summary>
    private const int WalkMax = ChainBurst.SegmentsMax + (2 * ChainBurst.ChainSegmentsMax) + Regions + ChainBurst.ChainsMax;

    /// <summary>Every head names one loop of empty descriptors, as long as the ring.</summary>
    [Theory]
    [InlineData(ChainDirection.Readable)]
    [InlineData(ChainDirection.Writable)]
    public void ALoopOfEmptyDescriptorsThatEveryHeadNames(ChainDirection direction)
    {
        using var ring = new RingPair(VirtioFeatures.VERSION_1, RingSize);
        for (int i = 0; i < RingSize; i++)
        {
            ring.Driver.Raw[i] = new RawDescriptor(RingPair.MemoryBase, 0, (ushort)(NEXT | Write(direction)), (ushort)((i + 1) % RingSize));
            ring.Driver.Raw.SetAvail(i, (ushort)i);
        }

        ring.Driver.Raw.AvailIndex = RingSize - 1;
        Check(ring, direction, PeekEnd.BurstFull);
        Assert.True(ring.Burst[0].IsMalformed);
    }

    /// <summary>Chains of 1,000 empty descriptors and a good one are good, and cost what they are long.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EmptyDescriptorsCount(bool packed)
    {
        using var ring = new RingPair(VirtioFeatures.VERSION_1 | (packed ? VirtioFeatures.RING_PACKED : 0), RingSize);
        for (int i = 0; i < RingSize; i++)
        {
            bool last = i % 1000 == 999;
            ushort flags = (ushort)((last ? 0 : NEXT) | (packed ? AVAIL : 0));
            ring.Driver.Raw[i] = new RawDescriptor(RingPair.MemoryBase, last ? 64u : 0, flags, packed ? (ushort)i : (ushort)(i + 1));
            if (!packed)
            {
                ring.Driver.Raw.SetAvail(i, (ushort)(i % 32 * 1000));
            }
        }

        if (!packed)
        {
            ring.Driver.Raw.AvailIndex = RingSize - 1;
        }

        int count = Check(ring, ChainDirection.Readable, PeekEnd.BurstFull);
        Assert.Equal(4, count);
        Assert.Equal(64u, ring.Burst[3].TotalLength);
    }

    /// <summary>A packed ring's chain without an end is not followed through the whole ring.</summary>
    [Fact]
    public void AnEndlessPackedChainBreaksTheRingSoon()
    {
        using var ring = new RingPair(VirtioFeatures.VERSION_1 | VirtioFeatures.RING_PACKED, RingSize);
        for (int i = 0; i < RingSize; i++)
        {
            ring.Driver.Raw[i] = new RawDescriptor(RingPair.MemoryBase, 0, NEXT | AVAIL, (ushort)i);
        }

        Assert.Equal(0, Check(ring, ChainDirection.Readable, PeekEnd.Broken));
        Assert.Equal(ChainStatus.TooLong, ring.Device.LastError);
        Assert.InRange(ring.Device.LastWalked, ChainBurst.ChainDescriptorsMax, ChainBurst.ChainDescriptorsMax + 2);
    }

    /// <summary>A buffer that spans hundreds of regions costs each of them, also when it ends in nothing.</summary>
    [Theory]
    [InlineData(Regions * 4096, false)]
    [InlineData(Regions * 4096, true)]
    [InlineData((Regions * 4096) + 1, false)]
    [InlineData((Regions * 4096) + 1, true)]
    public void PiecesOfManyRegionsCount(int length, bool packed)
    {
        var memory = new GuestMemory();
        memory.AddRegion(RingPair.MemoryBase, 4 << 20);
        for (int i = 0; i < Regions; i++)
        {
            memory.AddRegion(First + (4096UL * (ulong)i), 4096);
        }

        using var ring = new RingPair(VirtioFeatures.VERSION_1 | (packed ? VirtioFeatures.RING_PACKED : 0), 256, memory: memory);
        for (int i = 0; i < 256; i++)
        {
            ring.Driver.Raw[i] = new RawDescriptor(First, (uint)length, packed ? AVAIL : (ushort)0, packed ? (ushort)i : (ushort)0);
            if (!packed)
            {
                ring.Driver.Raw.SetAvail(i, (ushort)i);
            }
        }

        if (!packed)
        {
            ring.Driver.Raw.AvailIndex = 256;
        }

        int count = Check(ring, ChainDirection.Readable, PeekEnd.BurstFull);
        Assert.InRange(ring.Device.LastWalked, count * Regions, WalkMax);
    }

    private static ushort Write(ChainDirection direction) => direction == ChainDirection.Writable ? (ushort)2 : (ushort)0;

    private static int Check(RingPair ring, ChainDirection direction, PeekEnd end)
    {
        TurnBudget budget = TurnBudget.Full;
        WorkWitness.Reset();
        int count = ring.Device.Peek(ring.Burst, ChainBurst.ChainsMax, direction, ref budget);
        Assert.Equal(end, ring.Device.LastPeekEnd);
        Assert.InRange(ring.Device.LastWalked, count, WalkMax);
        Assert.Equal(ring.Device.LastWalked, ring.Device.Counters.Descriptors);
        Assert.InRange(budget.Spent, (long)ring.Device.LastWalked * TurnBudget.DescriptorCost, TurnBudget.Turn / 4);
        Assert.True(ring.Device.LastWalked >= WorkWitness.Present.Descriptors, $"{WorkWitness.Present.Descriptors} descriptors were read, {ring.Device.LastWalked} are said");
        return count;
    }
}
