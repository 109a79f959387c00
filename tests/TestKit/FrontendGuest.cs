using System.Diagnostics;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.TestKit;

/// <summary>
/// A guest without a VMM: our front end with one queue pair at a back end's socket, whosever it is. Sends frames and takes what comes back, either polling
/// or asleep until it is interrupted. For one thread at a time.
/// </summary>
public sealed class FrontendGuest : IDisposable
{
    /// <summary>Bytes of virtio_net_hdr_v1 before each frame.</summary>
    public const int HeaderSize = 12;

    /// <summary>Descriptors of each ring.</summary>
    public const int RingSize = 1024;

    private const int BurstMax = 64;
    private const ulong MRG_RXBUF = 1 << 15;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private readonly GuestMemory _memory = GuestMemory.Create(256 << 20, 0x1_0000_0000);
    private readonly VhostUserFrontend _frontend;
    private readonly UsedChain[] _used = new UsedChain[BurstMax];
    private readonly GuestBuffer[] _offer = new GuestBuffer[BurstMax];
    private readonly Stack<GuestBuffer> _free = new();
    private readonly uint _rxBufferSize;
    private readonly uint _frameLength;
    private int _partsLeft;

    /// <summary>Connects, negotiates and starts both rings, the receive ring full of buffers.</summary>
    /// <param name="path">The back end's socket.</param>
    /// <param name="frameSize">Bytes of the frames that it will send.</param>
    /// <param name="inFlight">Frames that it may have under way.</param>
    /// <param name="features">Virtio features to acknowledge where they are offered, besides VERSION_1 and mergeable buffers.</param>
    /// <param name="rxBufferSize">Bytes of each receive buffer.</param>
    public FrontendGuest(string path, int frameSize, int inFlight, ulong features = 0, uint rxBufferSize = 2048)
    {
        _rxBufferSize = rxBufferSize;
        _frameLength = (uint)(frameSize + HeaderSize);
        _frontend = VhostUserFrontend.Connect(
            path,
            new FrontendOptions { Features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | MRG_RXBUF | features },
            s_patience);
        _frontend.Negotiate();
        _frontend.ShareMemory(_memory);
        Rx = _frontend.CreateQueue(0, RingSize);
        Tx = _frontend.CreateQueue(1, RingSize);
        Rx.DisableCalls();
        Tx.DisableCalls();
        for (int i = 0; i < RingSize - 1; i++)
        {
            ulong address = _memory.Allocate(rxBufferSize);
            Rx.AddBatch([new GuestBuffer(address, rxBufferSize, true)]);
        }

        for (int i = 0; i < inFlight; i++)
        {
            _free.Push(new GuestBuffer(_memory.Allocate(_frameLength), _frameLength, false));
        }

        Rx.Publish();
        _frontend.StartQueue(Rx);
        _frontend.StartQueue(Tx);
    }

    /// <summary>The receive ring.</summary>
    public DriverQueue Rx { get; }

    /// <summary>The transmit ring.</summary>
    public DriverQueue Tx { get; }

    /// <summary>The negotiated features.</summary>
    public ulong Features => _frontend.Features;

    /// <summary>Frames sent so far: taken by the back end and given back.</summary>
    public long Sent { get; private set; }

    /// <summary>Frames received so far.</summary>
    public long Received { get; private set; }

    /// <summary>Bytes received so far, headers included.</summary>
    public long ReceivedBytes { get; private set; }

    /// <summary>Writes the same content, header first, into all frames. Only while none is under way.</summary>
    public void Fill(ReadOnlySpan<byte> content)
    {
        foreach (GuestBuffer buffer in _free)
        {
            _memory.Write(buffer.Address, content[..Math.Min(content.Length, (int)buffer.Length)]);
        }
    }

    /// <summary>Sends one frame and waits, polling, for one to come. Returns the time in <see cref="Stopwatch"/> ticks.</summary>
    public long RoundTripPolling()
    {
        long start = Stopwatch.GetTimestamp();
        Send(1);
        long end = start;
        while (!Rx.HasUsed)
        {
            end = Stopwatch.GetTimestamp();
            ThrowIfLate(start, end);
        }

        end = Stopwatch.GetTimestamp();
        Reap();
        Receive();
        return end - start;
    }

    /// <summary>Sends one frame and sleeps until the interrupt for one that came, as a guest's processor without work does. Returns the time in ticks.</summary>
    public long RoundTripSleeping()
    {
        _ = Rx.EnableCalls();
        long start = Stopwatch.GetTimestamp();
        Send(1);
        while (!Rx.HasUsed)
        {
            _ = Rx.WaitForCall(s_patience);
            ThrowIfLate(start, Stopwatch.GetTimestamp());
        }

        long end = Stopwatch.GetTimestamp();
        Rx.DisableCalls();
        Reap();
        Receive();
        return end - start;
    }

    /// <summary>Keeps the rings going for a while: sends whatever there is room for, takes whatever comes.</summary>
    /// <param name="time">How long.</param>
    /// <param name="send">False to receive only.</param>
    public void Pump(TimeSpan time, bool send = true)
    {
        long end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        while (Stopwatch.GetTimestamp() < end)
        {
            Turn(send);
        }
    }

    /// <summary>One look at both rings.</summary>
    public void Turn(bool send = true)
    {
        Receive();
        Reap();
        if (send)
        {
            Send(BurstMax);
        }
    }

    /// <summary>Sends single frames until one comes back: a testpmd whose two queues do not become ready at the same instant drops what came in between.</summary>
    public void Settle()
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            Send(1);
            long end = Stopwatch.GetTimestamp() + (Stopwatch.Frequency / 10);
            while (Stopwatch.GetTimestamp() < end && !Rx.HasUsed)
            {
                Thread.SpinWait(10);
            }

            if (Rx.HasUsed)
            {
                Pump(TimeSpan.FromMilliseconds(20), send: false);
                return;
            }

            Reap();
        }

        throw new TestPeerException("the front end sent 100 frames, and not one came back");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _frontend.Dispose();
        Rx.Dispose();
        Tx.Dispose();
        _memory.Dispose();
    }

    /// <summary>Takes what came and offers its buffers anew.</summary>
    private void Receive()
    {
        if (!Rx.HasUsed)
        {
            return;
        }

        int count = Rx.CollectUsed(_used);
        for (int i = 0; i < count; i++)
        {
            UsedChain used = _used[i];
            if (_partsLeft == 0)
            {
                Span<byte> parts = _memory.Bytes(used.Cookie + HeaderSize - 2, 2);
                _partsLeft = Math.Max(1, (int)BitConverter.ToUInt16(parts));
                Received++;
            }

            _partsLeft--;
            ReceivedBytes += used.Length;
            _offer[i] = new GuestBuffer(used.Cookie, _rxBufferSize, true);
        }

        Rx.AddBatch(_offer.AsSpan(0, count));
        Rx.Publish();
        Rx.KickIfWanted();
    }

    private void Reap()
    {
        if (!Tx.HasUsed)
        {
            return;
        }

        int count = Tx.CollectUsed(_used);
        for (int i = 0; i < count; i++)
        {
            _free.Push(new GuestBuffer(_used[i].Cookie, _frameLength, false));
        }

        Sent += count;
    }

    private void Send(int max)
    {
        int count = 0;
        while (count < max && _free.Count > 0)
        {
            _offer[count++] = _free.Pop();
        }

        if (count > 0)
        {
            Tx.AddBatch(_offer.AsSpan(0, count));
            Tx.Publish();
            Tx.KickIfWanted();
        }
    }

    private static void ThrowIfLate(long start, long now)
    {
        if (now - start > s_patience.TotalSeconds * Stopwatch.Frequency)
        {
            throw new TestPeerException($"the front end sent a frame, and none came back within {s_patience.TotalSeconds:0} s");
        }
    }
}
