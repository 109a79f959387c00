using System.Buffers.Binary;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class FrameRingTests
{
    [Fact]
    public void FramesOfAllSizesComeOutAsTheyWentIn()
    {
        using var ring = new FrameRing(4096);
        using var burst = new FrameBurst();
        var random = new Random(1);
        var expected = new Queue<byte[]>();
        int seen = 0;
        for (int round = 0; round < 20000; round++)
        {
            byte[] frame = Craft.Pattern(random.Next(0, 900), round);
            if (ring.TryReserve(frame.Length, out Span<byte> room))
            {
                frame.CopyTo(room);
                ring.Commit(new VirtioNetHeader { CsumStart = (ushort)round }, frame.Length, round, 3);
                expected.Enqueue(frame);
            }
            else
            {
                int count = ring.Peek(burst, random.Next(1, 256));
                int take = random.Next(0, count + 1);
                for (int i = 0; i < take; i++)
                {
                    byte[] got = new byte[burst[i].TotalLength];
                    burst.CopyTo(i, 0, got);
                    Assert.Equal(expected.Dequeue(), got);
                    seen++;
                }

                ring.Release(take);
            }
        }

        Assert.True(seen > 5000);
        while (ring.TryPeek(out Span<byte> frame, out _, out _, out int tag))
        {
            Assert.Equal(expected.Dequeue(), frame.ToArray());
            Assert.Equal(3, tag);
            ring.Release(1);
        }

        Assert.Empty(expected);
        Assert.True(ring.IsEmpty);
    }

    /// <summary>A burst of the longest frames is one that a turn can carry; the rest comes next.</summary>
    [Fact]
    public void ABurstHasNoMoreBytesThanATurnCarries()
    {
        using var ring = new FrameRing(16 << 20);
        using var burst = new FrameBurst();
        for (int i = 0; i < 200; i++)
        {
            Assert.True(ring.TryReserve(65_000, out _));
            ring.Commit(default, 65_000);
        }

        int left = 200;
        while (left > 0)
        {
            int count = ring.Peek(burst, FrameBurst.FramesMax);
            Assert.Equal(Math.Min(left, (TurnBudget.BurstBytesMax / 65_000) + 1), count);
            ring.Release(count);
            left -= count;
        }
    }

    [Fact]
    public void AnEmptyRingTakesHalfItsSizeWhereverItStands()
    {
        using var ring = new FrameRing(4096);
        for (int i = 0; i < 1000; i++)
        {
            Assert.True(ring.TryReserve(2048 - FrameRing.Overhead, out _));
            ring.Commit(default, 1 + (i % 60));
            ring.Release(1);
        }
    }

    [Fact]
    public void ProducerAndConsumerOnTwoThreads()
    {
        const int frames = 200_000;
        using var ring = new FrameRing(16384);
        var producer = new Thread(() =>
        {
            var wait = default(SpinWait);
            for (int i = 0; i < frames;)
            {
                ring.Lock.Enter();
                if (ring.TryReserve(8 + (i % 97), out Span<byte> room))
                {
                    BinaryPrimitives.WriteInt64LittleEndian(room, i);
                    room[8..].Fill((byte)i);
                    ring.Commit(default, room.Length);
                    i++;
                }
                else
                {
                    wait.SpinOnce(-1);
                }

                ring.Lock.Exit();
            }
        });
        producer.Start();
        var idle = default(SpinWait);
        for (int i = 0; i < frames;)
        {
            if (!ring.TryPeek(out Span<byte> frame, out _, out _, out _))
            {
                idle.SpinOnce(-1);
                continue;
            }

            Assert.Equal(8 + (i % 97), frame.Length);
            Assert.Equal(i, BinaryPrimitives.ReadInt64LittleEndian(frame));
            Assert.Equal(-1, frame[8..].IndexOfAnyExcept((byte)i));
            ring.Release(1);
            i++;
        }

        Assert.True(producer.Join(TimeSpan.FromSeconds(10)));
    }
}
