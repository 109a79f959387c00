using VhostNet.Aio;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <summary>
/// One queue of a tap. Frames for the interface are written by the data thread that has them; frames from it are read on the queue's own context, into the
/// guest's buffers where there is one possible receiver. A receiver without buffers stops the reading until it has some.
/// </summary>
internal sealed class TapQueue : IDisposable
{
    /// <summary>Frames taken in one go, before other handlers get their turn.</summary>
    private const int Budget = 64;

    private readonly TapPort _port;
    private readonly int _index;
    private readonly int _fd;
    private readonly int _headerSize;
    private readonly AioContext _context;
    private readonly FdGate _gate;
    private readonly BottomHalf _resume;
    private readonly BottomHalf _awaitWritable;
    private readonly Waiters _waiters = new();
    private readonly FrameBurst _burst = new();
    private readonly TapBuffers _buffers = new();
    private FrameCounters _received;
    private FrameCounters _sent;
    private volatile bool _started;

    public TapQueue(TapPort port, int index, int fd, bool hasHeader, AioContext context)
    {
        _port = port;
        _index = index;
        _fd = fd;
        _headerSize = hasHeader ? VirtioNetHeader.Size : 0;
        _context = context;
        _gate = new FdGate(context, fd, OnReadable, OnWritable);
        _resume = context.CreateBottomHalf(Resume, $"{port.Name}.rx{index}");
        _awaitWritable = context.CreateBottomHalf(() => _gate.WantWrite = true, $"{port.Name}.tx{index}");
    }

    /// <summary>Frames read from the interface.</summary>
    public ref FrameCounters Received => ref _received;

    /// <summary>Frames written to the interface.</summary>
    public ref FrameCounters Sent => ref _sent;

    /// <summary>Starts to read, or looks again whether there is a receiver. Any thread.</summary>
    public void Wake(bool start = false)
    {
        _started |= start;
        _resume.Schedule();
    }

    /// <summary>Writes frames to the interface. Any data thread, several at once.</summary>
    public int Write(FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter)
    {
        int done = 0;
        long written = 0;
        long bytes = 0;
        bool retried = false;
        while (done < frames.Length)
        {
            int frame = frames[done];
            if (burst[frame].IsMalformed)
            {
                done++;
                continue;
            }

            int error = TapWriter.Write(_fd, burst, frame, _headerSize > 0);
            if (error == 0)
            {
                written++;
                bytes += burst[frame].TotalLength;
            }
            else if (error == EAGAIN && waiter is not null)
            {
                if (retried)
                {
                    break;
                }

                // Once the waiter is registered, a descriptor that has become writable meanwhile is found by this one retry or by the watch.
                _waiters.Add(waiter);
                _awaitWritable.Schedule();
                retried = true;
                continue;
            }
            else
            {
                Interlocked.Increment(ref _sent.Drops[(int)ReasonOf(error)]);
            }

            done++;
        }

        Interlocked.Add(ref _sent.Frames, written);
        Interlocked.Add(ref _sent.Bytes, bytes);
        return done;
    }

    /// <summary>Stops. No data thread may write any more; the context's thread must run, or be the calling one.</summary>
    public void Dispose()
    {
        _gate.Dispose();
        _context.RunOnHomeThread(() =>
        {
            _resume.Delete();
            _awaitWritable.Delete();
        });
        _waiters.ScheduleAll();
        _buffers.Dispose();
        _burst.Dispose();
    }

    private static DropReason ReasonOf(int error) => error switch
    {
        EIO or EBADFD or ENODEV => DropReason.NotRunning,
        EINVAL => DropReason.BadHeader,
        EMSGSIZE or E2BIG => DropReason.TooLong,
        _ => DropReason.OsError,
    };

    private void Resume()
    {
        if (!_started)
        {
            return;
        }

        if (!_port.HasReceiver())
        {
            // The kernel keeps what it has room for; PeersAcceptChanged starts us again.
            _gate.WantRead = false;
            return;
        }

        _gate.WantRead = true;
        OnReadable();
    }

    private void OnReadable()
    {
        if (_buffers.IsEmpty && _headerSize > 0 && _port.Network?.DirectReceiver(_port, _index) is { } receiver)
        {
            ReadDirect(receiver);
        }
        else
        {
            ReadAndForward();
        }
    }

    private void ReadDirect(RxQueue receiver)
    {
        var reader = new TapReader(_fd, _port.FrameSizeMax);
        ReceiveResult result = receiver.ReceiveDirect(ref reader, Budget, _resume, out int frames);
        _received.Frames += frames;
        _received.Bytes += reader.Bytes;
        switch (result)
        {
            case ReceiveResult.Blocked or ReceiveResult.NotRunning:
                // The waiter, or PeersAcceptChanged when the guest's ring runs again, schedules the bottom half that watches anew.
                _gate.WantRead = false;
                break;
            case ReceiveResult.SourceFailed:
                Fail(reader.Error);
                break;
        }
    }

    private void ReadAndForward()
    {
        int error = 0;
        if (_buffers.IsEmpty)
        {
            _buffers.Fill(_fd, _headerSize, out error);
        }

        if (!_buffers.IsEmpty)
        {
            _buffers.AddTo(_burst, _headerSize);
            int done = _port.ForwardFromQueue(_burst, _index, _resume);
            _received.CountForwarded(_burst, done);
            _buffers.Release(done);
            _gate.WantRead = _buffers.IsEmpty;
        }

        if (error is not (0 or EAGAIN))
        {
            Fail(error);
        }
    }

    /// <summary>The interface was removed: there is nothing to watch any more.</summary>
    private void Fail(int error)
    {
        _gate.WantRead = false;
        _port.QueueFailed(new Errno(error));
    }

    private void OnWritable()
    {
        _gate.WantWrite = false;
        _waiters.ScheduleAll();
    }
}
