using System.Diagnostics;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Receive and transmit queue of a virtio-net device that sends every frame back; frames are bytes behind a 12-byte header.</summary>
internal sealed class NetRings : IDisposable
{
    private const int HeaderSize = 12;
    private const ulong MRG_RXBUF = 1 << 15;

    /// <summary>Frames that a peer which has no processor at the moment may find waiting; all of them fit into the receive queue.</summary>
    private const int MostUntaken = 32;

    /// <summary>Only a peer that hangs meets it.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    private readonly VhostUserFrontend _frontend;
    private readonly GuestMemory _memory;
    private readonly ulong _receiveArea;
    private readonly ulong _transmitArea;
    private readonly int _bufferSize;
    private readonly bool _mergeable;
    private readonly Random _random = new(3);
    private ulong _nextTransmit;

    public NetRings(VhostUserFrontend frontend, GuestMemory memory, bool indirect)
    {
        _frontend = frontend;
        _memory = memory;
        Indirect = indirect;
        _mergeable = (frontend.Features & MRG_RXBUF) != 0;

        // Small buffers, so that frames take several when they may.
        _bufferSize = _mergeable ? 512 : 2048;
        Receive = frontend.CreateQueue(0, 256);
        Transmit = frontend.CreateQueue(1, 256);
        _receiveArea = memory.Allocate(256 * 2048, 4096);
        _transmitArea = memory.Allocate(256 * 2048, 4096);
        for (ulong i = 0; i < 200; i++)
        {
            Post(_receiveArea + (i * 2048));
        }

        Receive.Publish();
    }

    public DriverQueue Receive { get; }

    public DriverQueue Transmit { get; }

    private bool Indirect { get; }

    public void Start()
    {
        _frontend.StartQueue(Receive);
        _frontend.StartQueue(Transmit);
    }

    /// <summary>
    /// Sends single frames until one comes back. A testpmd whose two queues do not become ready at the same instant drops what it receives in between.
    /// </summary>
    public void Settle()
    {
        // On a busy machine a frame comes back when others have followed it already; those come as well then, as both queues are ready.
        List<byte[]> sent = [];
        int known = -1;
        for (long start = Stopwatch.GetTimestamp(); known < 0 && Stopwatch.GetElapsedTime(start) < s_timeout;)
        {
            if (Transmit.Outstanding < MostUntaken)
            {
                sent.Add(Send());
                Transmit.Publish();
                Transmit.KickIfWanted();
            }

            if (NextFrame(TimeSpan.FromMilliseconds(100)) is { } frame)
            {
                known = sent.FindIndex(s => s.AsSpan().SequenceEqual(frame));
            }

            Reclaim();
        }

        Assert.True(known >= 0, $"not one of {sent.Count} frames came back");
        foreach (byte[] later in sent.Skip(known + 1))
        {
            Assert.Equal(later, NextFrame(s_timeout));
        }

        Reclaim();
    }

    public void Stop()
    {
        _frontend.StopQueue(Receive);
        _frontend.StopQueue(Transmit);
    }

    /// <summary>Sends frames of random lengths, waits for all of them to come back, and compares.</summary>
    public void Exchange(int count)
    {
        while (count > 0)
        {
            int burst = Math.Min(count, _random.Next(1, 33));
            byte[][] sent = [.. Enumerable.Range(0, burst).Select(_ => Send())];
            Transmit.Publish();
            Transmit.KickIfWanted();
            for (int i = 0; i < burst; i++)
            {
                byte[]? frame = NextFrame(s_timeout);
                Assert.True(frame is not null, "a frame did not come back");
                Assert.Equal(sent[i], frame);
            }

            Reclaim();
            count -= burst;
        }
    }

    public void Dispose()
    {
        Receive.Dispose();
        Transmit.Dispose();
    }

    private void Post(ulong at) =>
        Assert.True(Receive.Add([new GuestBuffer(at, (uint)_bufferSize, true)], at, Indirect && _random.Next(2) == 0) >= 0);

    private byte[] Send()
    {
        byte[] frame = new byte[_random.Next(60, 1514)];
        _random.NextBytes(frame);

        // A unicast destination that is none of the tested program's business.
        frame[0] = 2;
        ulong at = _transmitArea + (_nextTransmit++ % 256 * 2048);
        _memory.Bytes(at, HeaderSize).Clear();
        _memory.Write(at + HeaderSize, frame);
        int cut = _random.Next(3) switch { 0 => 0, 1 => HeaderSize, _ => _random.Next(HeaderSize, HeaderSize + frame.Length) };
        GuestBuffer[] buffers = cut == 0
            ? [new GuestBuffer(at, (uint)(HeaderSize + frame.Length), false)]
            : [new GuestBuffer(at, (uint)cut, false), new GuestBuffer(at + (ulong)cut, (uint)(HeaderSize + frame.Length - cut), false)];
        int id = Transmit.Add(buffers, 0, Indirect && _random.Next(2) == 0);
        if (id < 0)
        {
            Reclaim();
            id = Transmit.Add(buffers);
        }

        Assert.True(id >= 0, "the transmit ring is full");
        return frame;
    }

    private byte[]? NextFrame(TimeSpan timeout)
    {
        var used = new UsedChain[1];
        if (Receive.WaitForUsed(used, timeout) == 0)
        {
            return null;
        }

        Span<byte> first = _memory.Bytes(used[0].Cookie, (int)used[0].Length);
        int buffers = _mergeable ? first[10] | (first[11] << 8) : 1;
        List<byte> frame = [.. first[HeaderSize..]];
        Post(used[0].Cookie);
        for (int i = 1; i < buffers; i++)
        {
            Assert.Equal(1, Receive.WaitForUsed(used, s_timeout));
            frame.AddRange(_memory.Bytes(used[0].Cookie, (int)used[0].Length));
            Post(used[0].Cookie);
        }

        Receive.Publish();
        Receive.KickIfWanted();
        return [.. frame];
    }

    private void Reclaim()
    {
        Span<UsedChain> used = stackalloc UsedChain[64];
        while (Transmit.CollectUsed(used) > 0)
        {
        }
    }
}
