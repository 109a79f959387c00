using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Offload;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Tests.Datapath;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Offload;

/// <summary>The Linux kernel is the judge: what it makes of a frame, byte by byte, is what we make of it.</summary>
public sealed class KernelOffloadTests : IDisposable
{
    private readonly KernelBridge _kernel = new();
    private readonly BurstMemory _memory = new();
    private readonly OffloadFinisher _finisher = new();

    // Finishes checksums while it copies, into buffers that hold a segment or only a part of one.
    private readonly ReceivingGuest[] _guests =
    [
        new(VirtioFeatures.VERSION_1, 4096, ringSize: 1024),
        new(VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF, 700, ringSize: 1024),
    ];

    public void Dispose()
    {
        Array.ForEach(_guests, g => g.Dispose());
        _finisher.Dispose();
        _memory.Dispose();
        _kernel.Dispose();
    }

    [Fact]
    public void SegmentsAreTheKernels()
    {
        var random = new RandomFrames(11);
        for (int i = 0; i < 400; i++)
        {
            FrameBuilder frame = random.Frame(random.Next(1, i % 10 == 0 ? 64_000 : 6000));
            ushort gsoSize = (ushort)random.Next(Math.Max(60, frame.Payload.Length / 100), 3000);
            if (!frame.Tcp && !_kernel.HasUso)
            {
                continue;
            }

            AssertSame(frame.Header(gsoSize, ecn: frame.Tcp && (frame.TcpFlags & 0x80) != 0), frame.Partial(), random.Pieces(), $"frame {i}: {frame} in {gsoSize}");
        }
    }

    [Fact]
    public void ChecksumsAreTheKernels()
    {
        var random = new RandomFrames(12);
        for (int i = 0; i < 300; i++)
        {
            FrameBuilder frame = random.Frame(random.Next(0, 4000));
            AssertSame(frame.Header(), frame.Partial(), random.Pieces(), $"frame {i}: {frame}");
        }
    }

    [Fact]
    public void ChecksumsAnywhereAreTheKernels()
    {
        var random = new RandomFrames(13);
        for (int i = 0; i < 300; i++)
        {
            byte[] frame = random.Bytes(random.Next(60, 3000));
            new byte[] { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x12, 0x34 }.CopyTo(frame, 0);
            int start = random.Next(34, frame.Length - 2);
            int offset = random.Next(0, frame.Length - start - 1);
            var header = new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = (ushort)start, CsumOffset = (ushort)offset };
            AssertSame(header, frame, random.Pieces(), $"frame {i}: {frame.Length} bytes, start {start}, offset {offset}");
        }
    }

    [Fact]
    public void WhatTheKernelRefusesWeRefuse()
    {
        // The other way round we may be stricter.
        var random = new RandomFrames(14);
        int refused = 0;
        for (int i = 0; i < 2000; i++)
        {
            FrameBuilder builder = random.Frame(random.Next(0, 3000));
            byte[] frame = builder.Partial();
            VirtioNetHeader header = builder.Header((ushort)random.Next(0, 2000));
            switch (random.Next(0, 6))
            {
                case 0:
                    header.CsumStart = (ushort)random.Next(0, frame.Length + 200);
                    break;
                case 1:
                    header.CsumOffset = (ushort)random.Next(0, frame.Length + 200);
                    break;
                case 2:
                    header.GsoType = (byte)random.Next(0, 256);
                    break;
                case 3:
                    header.HdrLen = (ushort)random.Next(0, 65536);
                    break;
                case 4:
                    header.Flags = (byte)random.Next(0, 8);
                    break;
                default:
                    header.GsoSize = (ushort)random.Next(0, 65536);
                    break;
            }

            if (!_kernel.TrySend(header, frame))
            {
                refused++;
                _memory.Clear();
                _memory.Add(header, frame);
                Assert.False(!header.IsPlain && VirtioNetHeaderCheck.IsValid(header, _memory.Burst, 0), $"the kernel refuses {header} for {builder}; errno {errno}");
            }
        }

        Assert.True(refused > 200, $"only {refused} frames were refused");
    }

    private void AssertSame(in VirtioNetHeader header, byte[] frame, int[] pieces, string what)
    {
        Assert.True(_kernel.TrySend(header, frame), $"the kernel refuses {what}: {errno}");
        _memory.Clear();
        _memory.Add(header, frame, pieces);
        _finisher.Begin(_memory.Burst, _memory.Burst.AllFrames, Offloads.None);
        var theirs = new List<byte[]>();
        while (_finisher.FillRound())
        {
            for (int i = 0; i < _finisher.Output.Count; i++)
            {
                byte[]? next = _kernel.Receive();
                Assert.True(next is not null, $"the kernel made {theirs.Count} frames only of {what}");
                AssertSame(next, BurstMemory.Read(_finisher.Output, i), $"{what}, segment {theirs.Count}");
                theirs.Add(next);
            }
        }

        Assert.Null(_kernel.Receive(timeoutMs: 0));
        Assert.True(theirs.Count > 0, $"we made nothing of {what}");
        foreach (ReceivingGuest guest in _guests)
        {
            var drops = default(FrameCounters);
            guest.Offer();
            Assert.Equal(1, _finisher.Deliver(guest.Port, guest.Port.Accepts | guest.Port.Finishes, _memory.Burst, _memory.Burst.AllFrames, 0, null, ref drops));
            List<byte[]> frames = guest.Take();
            Assert.Equal(theirs.Count, frames.Count);
            for (int i = 0; i < frames.Count; i++)
            {
                AssertSame(theirs[i], frames[i], $"{what}, segment {i} in a guest");
            }
        }
    }

    private static void AssertSame(byte[] theirs, byte[] ours, string what)
    {
        int same = theirs.AsSpan().CommonPrefixLength(ours);
        Assert.True(same == theirs.Length && same == ours.Length, $"{what}: {theirs.Length} and {ours.Length} bytes, different at {same}");
    }
}
