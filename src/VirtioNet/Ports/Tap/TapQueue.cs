using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>
/// One queue of a tap: one writev for each frame to the interface, one readv for each frame from it, into the guest's buffers where there is one possible
/// receiver.
/// </summary>
internal sealed class TapQueue : FdQueue
{
    /// <summary>Frames read in one go, before other handlers get their turn.</summary>
    private const int Budget = 64;

    private readonly TapPort _port;
    private readonly int _headerSize;
    private readonly TapBuffers _buffers = new();

    public TapQueue(TapPort port, int index, int fd, bool hasHeader, AioContext context)
        : base(port, index, fd, context, CallKind.TapRead, CallKind.TapWrite)
    {
        _port = port;
        _headerSize = hasHeader ? VirtioNetHeader.Size : 0;
    }

    protected override ReceiveBuffers Buffers => _buffers;

    protected override int Write(FrameBurst burst, ReadOnlySpan<ushort> frames, ref long written, ref long bytes, out int error)
    {
        error = 0;
        int done = 0;
        while (done < frames.Length)
        {
            int frame = frames[done];
            if (!burst[frame].IsMalformed)
            {
                error = TapWriter.Write(Fd, burst, frame, _headerSize > 0);
                if (error != 0)
                {
                    break;
                }

                written++;
                bytes += burst[frame].TotalLength;
            }

            done++;
        }

        return done;
    }

    protected override void Fill(out int error) => _buffers.Fill(Fd, _headerSize, ref IngressCounters, out error);

    protected override ReceiveResult? ReadDirect(RxQueue receiver, BottomHalf waiter, out int error)
    {
        error = 0;
        if (_headerSize == 0)
        {
            return null;
        }

        var reader = new TapReader(Fd, _port.FrameSizeMax, _buffers);
        ReceiveResult result = receiver.ReceiveDirect(ref reader, Budget, waiter, out int frames);
        IngressCounters.Frames += frames;
        IngressCounters.Bytes += reader.Bytes;
        IngressCounters.Drop(DropReason.TooLong, reader.TooLong);
        error = reader.Error;
        return result;
    }
}
