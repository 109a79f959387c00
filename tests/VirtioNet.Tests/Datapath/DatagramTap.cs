using System.Net.Sockets;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Tap;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>
/// A port that reads as a tap does, by the tap's own reader and buffers, but from a datagram socket: it cuts a frame off where the buffers end just as silently, and the test says what comes.
/// </summary>
internal sealed class DatagramTap : Port
{
    private readonly Socket _outside;
    private readonly FileDescriptor _inside;
    private readonly Queue _queue;

    public DatagramTap(AioContext context, int frameSizeMax, AioClock? clock = null, TimeSpan? hold = null)
        : base("tap")
    {
        HoldTime = hold ?? DefaultHoldTime;
        HoldClock = clock ?? AioClock.Monotonic;
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out int inside, out int outside));
        _inside = new FileDescriptor(inside);
        _outside = new Socket(new SafeSocketHandle(outside, true)) { Blocking = false };
        _queue = new Queue(this, inside, context, frameSizeMax);
    }

    public override string Kind => "datagram-tap";

    public override Offloads Accepts => Offloads.All;

    /// <summary>Frames that went into the guest's buffers by the kernel's hand.</summary>
    public int ReadDirectly => _queue.ReadDirectly;

    /// <summary>Sends a frame in; the socket keeps it until it is read. False when it has no room.</summary>
    public bool TrySend(VirtioNetHeader header, byte[] frame)
    {
        byte[] message = new byte[VirtioNetHeader.Size + frame.Length];
        System.Runtime.InteropServices.MemoryMarshal.Write(message, in header);
        frame.CopyTo(message, VirtioNetHeader.Size);
        try
        {
            return _outside.Send(message) == message.Length;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            return false;
        }
    }

    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) => frames.Length;

    public override void PeersAcceptChanged(Offloads accepted) => _queue.Wake();

    public override void Start() => _queue.Wake(start: true);

    public override void GuestReplaced() => _queue.Flush();

    public override void ReadCounters(out FrameCounters ingress, out FrameCounters egress)
    {
        base.ReadCounters(out ingress, out egress);
        ingress.Add(_queue.IngressCounters);
    }

    protected override void Dispose(bool disposing)
    {
        _queue.Dispose();
        _inside.Dispose();
        _outside.Dispose();
        base.Dispose(disposing);
    }

    private sealed class Queue(Port port, int fd, AioContext context, int frameSizeMax)
        : FdQueue(port, 0, fd, context, CallKind.TapRead, CallKind.TapWrite)
    {
        private readonly TapBuffers _buffers = new();

        public int ReadDirectly { get; private set; }

        protected override ReceiveBuffers Buffers => _buffers;

        protected override int Write(FrameBurst burst, ReadOnlySpan<ushort> frames, ref long written, ref long bytes, out int error)
        {
            error = 0;
            return frames.Length;
        }

        protected override void Fill(out int error) => _buffers.Fill(Fd, VirtioNetHeader.Size, ref IngressCounters, out error);

        protected override ReceiveResult? ReadDirect(RxQueue receiver, BottomHalf waiter, out int error)
        {
            var reader = new TapReader(Fd, frameSizeMax, _buffers);
            ReceiveResult result = receiver.ReceiveDirect(ref reader, 64, waiter, out int frames);
            ReadDirectly += frames;
            IngressCounters.Frames += frames;
            IngressCounters.Bytes += reader.Bytes;
            IngressCounters.Drop(DropReason.TooLong, reader.TooLong);
            error = reader.Error;
            return result;
        }
    }
}
