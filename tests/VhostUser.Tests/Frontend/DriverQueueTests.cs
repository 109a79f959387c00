using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using static VhostNet.VhostUser.Virtqueues.VirtioFeatures;

namespace VhostNet.VhostUser.Tests.Frontend;

public sealed class DriverQueueTests
{
    /// <summary>A seeded Random makes its bytes one by one; there are two thousand million to fill buffers with, so they are drawn from here.</summary>
    private static readonly byte[] s_noise = MakeNoise();

    public static TheoryData<string> Combinations => RingFeatures.All;

    [Theory]
    [MemberData(nameof(Combinations))]
    public void ReadableChainsArriveWholeAndComeBackInEveryShape(string combination)
    {
        ulong features = RingFeatures.Parse(combination);
        foreach (ushort start in Starts(features))
        {
            using var ring = new RingPair(features, 16, start);
            var random = new Random(start);
            var expected = new Queue<byte[]>();
            var outstanding = new Dictionary<ulong, ulong>();
            ulong area = ring.Memory.Allocate(1 << 20);
            ulong next = 0;
            for (int round = 0; round < 3000; round++)
            {
                while (random.Next(3) != 0)
                {
                    GuestBuffer[] buffers = Chain(random, ring.Memory, area + (next % 64 << 14), false, out byte[] content);
                    bool indirect = (features & INDIRECT_DESC) != 0 && random.Next(2) == 0;
                    if (ring.Driver.Add(buffers, next, indirect) < 0)
                    {
                        break;
                    }

                    expected.Enqueue(content);
                    outstanding.Add(next++, 0);
                }

                if (random.Next(2) == 0)
                {
                    ring.Driver.Publish();
                }

                foreach (byte[] got in ring.ServeReadable(random.Next(1, 20)))
                {
                    Verify.Same(expected.Dequeue(), got);
                }

                foreach (UsedChain used in ring.Collect(random.Next(1, 16)))
                {
                    Assert.True(outstanding.Remove(used.Cookie));
                    Assert.Equal(0u, used.Length);
                }
            }

            Assert.True(next > 3000);
            ring.Driver.Publish();
            Drain(() => ring.ServeReadable().Count + ring.Collect().Count);
            Assert.Equal(0, ring.Driver.Outstanding);
            Assert.Equal(16, ring.Driver.FreeDescriptors);
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void WritableChainsComeBackWithWhatTheDeviceWrote(string combination)
    {
        ulong features = RingFeatures.Parse(combination);
        foreach (ushort start in Starts(features))
        {
            using var ring = new RingPair(features, 32, start);
            var random = new Random(start);
            var chains = new Dictionary<ulong, GuestBuffer[]>();
            var written = new Queue<byte[]>();
            ulong area = ring.Memory.Allocate(1 << 20);
            ulong next = 0;
            for (int round = 0; round < 3000; round++)
            {
                while (random.Next(3) != 0)
                {
                    GuestBuffer[] buffers = Chain(random, ring.Memory, area + (next % 64 << 14), true, out _);
                    bool indirect = (features & INDIRECT_DESC) != 0 && random.Next(2) == 0;
                    if (ring.Driver.Add(buffers, next, indirect) < 0)
                    {
                        break;
                    }

                    chains.Add(next++, buffers);
                }

                ring.Driver.Publish();
                ring.ServeWritable(
                    room =>
                    {
                        byte[] bytes = Noise(random, random.Next(1, room + 1)).ToArray();
                        written.Enqueue(bytes);
                        return bytes;
                    },
                    random.Next(1, 20));
                foreach (UsedChain used in ring.Collect(random.Next(1, 16)))
                {
                    Assert.True(chains.Remove(used.Cookie, out GuestBuffer[]? buffers));
                    byte[] bytes = written.Dequeue();
                    Assert.Equal((uint)bytes.Length, used.Length);
                    int at = 0;
                    foreach (GuestBuffer buffer in buffers)
                    {
                        int part = Math.Min(bytes.Length - at, (int)buffer.Length);
                        Verify.Same(bytes.AsSpan(at, part), ring.Memory.Bytes(buffer.Address, part));
                        at += part;
                    }

                    Assert.Equal(bytes.Length, at);
                }
            }

            Assert.True(next > 1000);
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void BatchesOfSingleBuffersFillAndEmptyTheRing(string combination)
    {
        using var ring = new RingPair(RingFeatures.Parse(combination), 64);
        ulong area = ring.Memory.Allocate(128 * 2048);
        GuestBuffer[] buffers = [.. Enumerable.Range(0, 100).Select(i => new GuestBuffer(area + (ulong)i * 2048, 2048, true))];
        var used = new UsedChain[100];
        for (int lap = 0; lap < 20; lap++)
        {
            Assert.Equal(64, ring.Driver.AddBatch(buffers));
            Assert.Equal(0, ring.Driver.AddBatch(buffers));
            Assert.Equal(0, ring.ServeWritable(_ => [1]));
            ring.Driver.Publish();
            Assert.Equal(40, ring.ServeWritable(_ => [1], 40));
            Assert.Equal(24, ring.ServeWritable(_ => [1, 2]));
            Assert.Equal(64, ring.Driver.CollectUsed(used));
            Assert.Equal(buffers.Take(64).Select(b => b.Address), used.Take(64).Select(u => u.Cookie));
            Assert.Equal(40, used.Count(u => u.Length == 1));
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void NeitherSideSleepsWhileTheOtherOneHasWorkForIt(string combination)
    {
        ulong features = RingFeatures.Parse(combination);
        for (int seed = 0; seed < 40; seed++)
        {
            RunTwoSleepers(features, seed);
        }
    }

    [Theory]
    [InlineData("plain", 0)]
    [InlineData("packed", 0)]
    [InlineData("plain", 65533)]
    [InlineData("packed", 5)]
    public void ARestartedDeviceGoesOnWhereTheRingShowsTheLastUsedChain(string combination, int start)
    {
        ulong features = RingFeatures.Parse(combination);
        using var ring = new RingPair(features, 16, (ushort)start);
        ulong area = ring.Memory.Allocate(1 << 16);
        for (int round = 0; round < 50; round++)
        {
            for (int i = 0; i < 7; i++)
            {
                ring.Memory.Write(area + (ulong)(i * 16), [(byte)round, (byte)i]);
                Assert.True(ring.Driver.Add([new GuestBuffer(area + (ulong)(i * 16), 1, false), new GuestBuffer(area + (ulong)(i * 16) + 1, 1, false)]) >= 0);
            }

            ring.Driver.Publish();
            int first = round % 8;
            List<byte[]> got = ring.ServeReadable(first);
            Assert.Equal(ring.Device.Base, ring.Driver.RestartBase);
            int collected = ring.Collect(round % 3).Count;
            ring.Restart(ring.Driver.RestartBase);
            got.AddRange(ring.ServeReadable());
            Assert.Equal(Enumerable.Range(0, 7).Select(i => new[] { (byte)round, (byte)i }), got);
            Assert.Equal(ring.Driver.DrainedBase, ring.Device.Base);
            Assert.Equal(7 - collected, ring.Collect().Count);
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void AResetRingStartsAnew(string combination)
    {
        ulong features = RingFeatures.Parse(combination);
        using var ring = new RingPair(features, 8);
        ulong area = ring.Memory.Allocate(4096);
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i <= round; i++)
            {
                ring.Driver.Add([new GuestBuffer(area + (ulong)i, 1, false)], (ulong)i);
            }

            ring.Driver.Publish();
            ring.ServeReadable(round / 2);
            ring.Driver.Reset();
            Assert.Equal(8, ring.Driver.FreeDescriptors);
            ring.Restart(ring.Driver.StartBase);
            Assert.Equal(0, ring.Device.Peek(ring.Burst, 10, ChainDirection.Readable));
            ring.Driver.Add([new GuestBuffer(area, 1, false)], 77);
            ring.Driver.Publish();
            Assert.Single(ring.ServeReadable());
            Assert.Equal(77UL, Assert.Single(ring.Collect()).Cookie);
            ring.Driver.Reset();
            ring.Restart(ring.Driver.StartBase);
        }
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("inorder")]
    [InlineData("packed")]
    [InlineData("packed+inorder")]
    [InlineData("packed+event")]
    [InlineData("event")]
    public void TheBurstPathAllocatesNothing(string combination)
    {
        using var ring = new RingPair(RingFeatures.Parse(combination), 256);
        ulong area = ring.Memory.Allocate(256 * 64);
        GuestBuffer[] buffers = [.. Enumerable.Range(0, 32).Select(i => new GuestBuffer(area + (ulong)i * 64, 64, false))];
        var used = new UsedChain[32];
        Lap();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int lap = 0; lap < 1000; lap++)
        {
            Lap();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Lap()
        {
            ring.Driver.AddBatch(buffers);
            ring.Driver.Publish();
            ring.Driver.ShouldKick();
            ring.Device.Complete(ring.Device.Peek(ring.Burst, 32, ChainDirection.Readable));
            ring.Driver.CollectUsed(used);
        }
    }

    [Fact]
    public void ASwappedLegacyRingWorks()
    {
        using var ring = new RingPair(RingFeatures.Parse("legacy+event+indirect"), 8, 65530, swapBytes: true);
        ulong area = ring.Memory.Allocate(4096);
        ring.Memory.Write(area, [1, 2, 3, 4]);
        for (int i = 0; i < 50; i++)
        {
            ring.Driver.Add([new GuestBuffer(area, 1, false), new GuestBuffer(area + 1, 3, false)], 5, i % 2 == 0);
            ring.Driver.Publish();
            Assert.True(ring.Driver.ShouldKick() || i > 0);
            Assert.Equal([1, 2, 3, 4], Assert.Single(ring.ServeReadable()));
            Assert.Equal(5UL, Assert.Single(ring.Collect()).Cookie);
        }
    }

    private static ushort[] Starts(ulong features) => (features & RING_PACKED) != 0 ? [0x8000, 5, 0x8009] : [0, 65520];

    private static byte[] MakeNoise()
    {
        byte[] noise = new byte[1 << 18];
        new Random(1).NextBytes(noise);
        return noise;
    }

    private static ReadOnlySpan<byte> Noise(Random random, int length) => s_noise.AsSpan(random.Next(s_noise.Length - length), length);

    private static void Drain(Func<int> step)
    {
        while (step() != 0)
        {
        }
    }

    private static GuestBuffer[] Chain(Random random, GuestMemory memory, ulong area, bool writable, out byte[] content)
    {
        var buffers = new GuestBuffer[random.Next(1, 6)];
        var bytes = new List<byte>();
        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i] = new GuestBuffer(area + (ulong)(i * 3000), (uint)random.Next(1, 3000), writable);
            Span<byte> span = memory.Bytes(buffers[i].Address, (int)buffers[i].Length);
            Noise(random, span.Length).CopyTo(span);
            bytes.AddRange(span);
        }

        content = [.. bytes];
        return buffers;
    }

    /// <summary>
    /// Driver and device take steps in a random order. Each one sleeps only after it asked for a notification and saw nothing to do, and wakes only by
    /// the notification; when both sleep, nothing may be left to do.
    /// </summary>
    private static void RunTwoSleepers(ulong features, int seed)
    {
        using var ring = new RingPair(features, 8);
        var random = new Random(seed);
        ulong area = ring.Memory.Allocate(4096);
        bool deviceSleeps = false, driverSleeps = false, kicked = false, called = false;
        int toSend = 500, sent = 0, collected = 0;
        for (int step = 0; step < 100_000 && collected < toSend; step++)
        {
            called |= ring.Driver.WaitForCall(TimeSpan.Zero) != 0;
            Assert.False(deviceSleeps && driverSleeps && !kicked && !called, $"seed {seed}: both sleep after {sent} sent and {collected} collected");
            if (random.Next(2) == 0)
            {
                if (driverSleeps && !called)
                {
                    continue;
                }

                (driverSleeps, called) = (false, false);
                if (random.Next(4) == 0)
                {
                    ring.Driver.DisableCalls();
                }

                collected += ring.Collect(random.Next(1, 9)).Count;
                for (int burst = random.Next(5); burst > 0 && sent < toSend && ring.Driver.Add([new GuestBuffer(area, 4, false)]) >= 0; burst--)
                {
                    sent++;
                }

                ring.Driver.Publish();
                kicked |= ring.Driver.ShouldKick();
                driverSleeps = (sent == toSend || ring.Driver.FreeDescriptors == 0) && ring.Driver.EnableCalls();
            }
            else
            {
                if (deviceSleeps && !kicked)
                {
                    continue;
                }

                (deviceSleeps, kicked) = (false, false);
                ring.Device.DisableNotifications();
                ring.ServeReadable(random.Next(1, 9));
                ring.Device.NotifyGuest();
                deviceSleeps = random.Next(2) == 0 && ring.Device.EnableNotifications();
            }
        }

        Assert.Equal(toSend, collected);
    }
}
