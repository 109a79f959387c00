using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// One descriptor of a port that carries a frame by each read and write. Frames for the outside are written by the data thread that has them; frames from it
/// are read on the queue's own context. A receiver without buffers stops the reading until it has some; a descriptor that takes no more holds its sender back.
/// </summary>
internal abstract class FdQueue : IDisposable
{
    /// <summary>
    /// Frames written before the turn's budget is looked at: of the longest ones as many as a step may overdraw it by (<see cref="TurnBudget.StepMax"/>).
    /// </summary>
    private const int StepFrames = 56;

    /// <summary>
    /// Most frames that are thrown away when another guest comes: more than any interface's queue keeps, so that a source that never falls silent is read
    /// again.
    /// </summary>
    private const int FlushMax = 65_536;

    private readonly AioContext _context;
    private readonly Ingress _ingress;
    private readonly FdGate _gate;
    private readonly BottomHalf _resume;
    private readonly BottomHalf _awaitWritable;
    private readonly QueueErrors _errors;
    private readonly SharedWaiters _waiters = new();
    private readonly FrameBurst _burst = new();
    private readonly GuestWait _wait;
    private int _toFlush;
    private FrameCounters _ingressCounters;
    private FrameCounters _egressCounters;
    private volatile bool _started;
    private volatile bool _isHeld;

    /// <summary>Creates the queue; it reads nothing before <see cref="Wake"/> starts it.</summary>
    /// <param name="port">The port that it belongs to.</param>
    /// <param name="index">Its number.</param>
    /// <param name="fd">The descriptor, non-blocking; it outlives the queue.</param>
    /// <param name="context">Where frames are read.</param>
    /// <param name="receive">What its reads are.</param>
    /// <param name="send">What its writes are.</param>
    protected FdQueue(Port port, int index, int fd, AioContext context, CallKind receive, CallKind send)
    {
        Port = port;
        Fd = fd;
        _context = context;
        _ingress = port.Ingress(index);
        _gate = new FdGate(context, fd, OnReadable, OnWritable);
        _resume = context.CreateBottomHalf(Resume, $"{port.Name}.ingress{index}");
        _wait = new GuestWait(port, context, Resume);
        _errors = new QueueErrors(port, context, receive, send, _resume);
        _awaitWritable = context.CreateBottomHalf(() => _gate.WantWrite = true, $"{port.Name}.egress{index}");
    }

    /// <summary>Frames read from the outside.</summary>
    public ref FrameCounters IngressCounters => ref _ingressCounters;

    /// <summary>Frames written to the outside.</summary>
    public ref FrameCounters EgressCounters => ref _egressCounters;

    /// <summary>The port that the queue belongs to.</summary>
    protected Port Port { get; }

    /// <summary>The descriptor.</summary>
    protected int Fd { get; }

    /// <summary>Where frames are read to when their receiver is not known beforehand.</summary>
    protected abstract ReceiveBuffers Buffers { get; }

    /// <summary>Starts to read, or looks again whether there is a receiver. Any thread.</summary>
    public void Wake(bool start = false)
    {
        _started |= start;
        _resume.Schedule();
    }

    /// <summary>Reads nothing until <see cref="LetGo"/>. Control thread; the context's thread must run, or be the calling one.</summary>
    public void Hold() => _context.RunOnHomeThread(() =>
    {
        _isHeld = true;
        _gate.WantRead = false;
    });

    /// <summary>Reads again after <see cref="Hold"/>. Any thread.</summary>
    public void LetGo()
    {
        _isHeld = false;
        _resume.Schedule();
    }

    /// <summary>Copies of the frames that were read and that a receiver holds back, oldest first; none while the queue is not held.</summary>
    public IEnumerable<HeldFrame> HeldFrames => _isHeld ? Buffers.Copy(_ingress.Queue) : [];

    /// <summary>Takes such frames over, before the queue starts.</summary>
    /// <exception cref="InvalidDataException">They are too many, or too long.</exception>
    public void Restore(IEnumerable<HeldFrame> frames) => Buffers.Load(frames);

    /// <summary>
    /// Another guest comes: what the kernel and the buffers keep was for the last one, and is thrown away before anything is read for the new one. Nothing is
    /// done when somebody else is there to whom the frames go. Control thread; when this returns no frame from before can reach the guest. The context's thread
    /// must run, or be the calling one.
    /// </summary>
    public void Flush() => _context.RunOnHomeThread(() =>
    {
        if (_started && !Port.HasReceiver())
        {
            _toFlush = FlushMax;
            _resume.Schedule();
        }
    });

    /// <summary>Takes frames for the outside. Any data thread, several at once.</summary>
    public int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, BottomHalf? waiter)
    {
        if (Port.IsOut)
        {
            Interlocked.Add(ref _egressCounters.Drops[(int)DropReason.NotRunning], frames.Length);
            return frames.Length;
        }

        int done = 0;
        long written = 0;
        long bytes = 0;
        bool retried = false;
        while (done < frames.Length)
        {
            if (burst.Budget.IsSpent)
            {
                done += EndTurn(frames.Length - done, burst.ComesAgain, waiter);
                break;
            }

            long bytesBefore = bytes;
            int step = Write(burst, frames.Slice(done, Math.Min(StepFrames, frames.Length - done)), ref written, ref bytes, out int error);
            burst.Budget.TakeCalls(step + (error == 0 ? 0 : 1), bytes - bytesBefore);
            done += step;
            if (error == 0)
            {
                continue;
            }

            if (error == EAGAIN && waiter is not null)
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

            _errors.CountSend(new Errno(error));
            Interlocked.Increment(ref _egressCounters.Drops[(int)ReasonOf(error)]);
            done++;
        }

        Interlocked.Add(ref _egressCounters.Frames, written);
        Interlocked.Add(ref _egressCounters.Bytes, bytes);
        return done;
    }

    /// <summary>
    /// Puts another open file in the place of the descriptor's, which keeps its number: data threads that write at this moment write to one or the other. The
    /// context's thread must run, or be the calling one.
    /// </summary>
    /// <param name="fresh">The file, non-blocking; closed under its own number.</param>
    /// <exception cref="ErrnoException">It can't be watched.</exception>
    public void Replace(FileDescriptor fresh) => _context.RunOnHomeThread(() =>
    {
        using (fresh)
        {
            _gate.WantRead = _gate.WantWrite = false;
            if (dup3(fresh.Value, Fd, O_CLOEXEC) < 0)
            {
                Errno.Last.Throw($"dup3({fresh.Value}, {Fd})");
            }
        }

        _errors.Forget();
        _waiters.ScheduleAll();
        _resume.Schedule();
    });

    /// <summary>Stops. No data thread may deliver any more; the context's thread must run, or be the calling one.</summary>
    public void Dispose()
    {
        _gate.Dispose();
        _context.RunOnHomeThread(() =>
        {
            _wait.End();
            _resume.Delete();
            _awaitWritable.Delete();
            _errors.Dispose();
        });
        _waiters.ScheduleAll();
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes frames until one can't be written; skips malformed ones.</summary>
    /// <returns>How many, from the first, are done with.</returns>
    protected abstract int Write(FrameBurst burst, ReadOnlySpan<ushort> frames, ref long written, ref long bytes, out int error);

    /// <summary>Fills the empty buffers.</summary>
    /// <param name="error">What stopped the reading: EAGAIN when nothing is left, 0 when the buffers are full.</param>
    protected abstract void Fill(out int error);

    /// <summary>Reads straight into a guest's buffers, where the source can do that.</summary>
    /// <returns>Null when it can't.</returns>
    protected virtual ReceiveResult? ReadDirect(RxQueue receiver, BottomHalf waiter, out int error)
    {
        error = 0;
        return null;
    }

    /// <summary>Counts a failed write that is tried again. Any data thread.</summary>
    protected void CountSend(int error) => _errors.CountSend(new Errno(error));

    /// <summary>Frees what a derived class has.</summary>
    protected virtual void Dispose(bool disposing)
    {
        Buffers.Dispose();
        _burst.Dispose();
    }

    private static DropReason ReasonOf(int error) => error switch
    {
        EIO or EBADFD or ENODEV or ENXIO or ENETDOWN or ECONNREFUSED or ENOTCONN or EDESTADDRREQ or ENOENT => DropReason.NotRunning,
        EINVAL => DropReason.BadHeader,
        EMSGSIZE or E2BIG => DropReason.TooLong,
        _ => DropReason.OsError,
    };

    /// <summary>The sender's turn is over: it comes again with what is left if it can wait. Returns how many frames are done with by that.</summary>
    private int EndTurn(int left, bool comesAgain, BottomHalf? waiter)
    {
        if (waiter is not null || comesAgain)
        {
            waiter?.Schedule();
            return 0;
        }

        Interlocked.Add(ref _egressCounters.Drops[(int)DropReason.Budget], left);
        return left;
    }

    private void Resume()
    {
        if (!_started || _isHeld)
        {
            return;
        }

        if (Port.HasReceiver())
        {
            _wait.End();
        }
        else
        {
            _wait.Begin();
        }

        // While it waits for a guest the kernel keeps what it has room for; PeersAcceptChanged starts us again, or the end of the wait.
        _gate.WantRead = !Port.IsOut && (_wait.IsOver || _toFlush > 0 || Port.HasReceiver());
        if (_gate.WantRead)
        {
            OnReadable();
        }
    }

    private void OnReadable()
    {
        if (Port.IsOut)
        {
            // Revive starts us again, or PeersAcceptChanged when the outside is back.
            _gate.WantRead = false;
            return;
        }

        int error = 0;
        if (_wait.IsOver || _toFlush > 0)
        {
            Discard(out error);
            CheckError(error);
            return;
        }

        ReceiveResult? direct = null;
        if (Buffers.IsEmpty && Port.Network?.DirectReceiver(Port, _ingress.Queue) is { } receiver)
        {
            direct = ReadDirect(receiver, _resume, out error);
        }

        switch (direct)
        {
            case null or ReceiveResult.SetAside:
                ReadAndForward(out error);
                break;
            case ReceiveResult.Blocked or ReceiveResult.NotRunning:
                // The waiter, or PeersAcceptChanged when the guest's ring runs again, schedules the bottom half that watches anew.
                _gate.WantRead = false;
                break;
        }

        CheckError(error);
    }

    private void CheckError(int error)
    {
        if (error is 0 or EAGAIN)
        {
            _errors.ReadSucceeded();
        }
        else if (!_errors.ReadFailed(new Errno(error)))
        {
            _gate.WantRead = false;
        }
    }

    /// <summary>Throws away what the buffers hold, or fills them and throws that away: a step of a flush, or what nobody waits for any more.</summary>
    private void Discard(out int error)
    {
        error = 0;
        if (Buffers.IsEmpty)
        {
            Fill(out error);
        }

        int count = Buffers.Count;
        Buffers.Release(count);
        _ingressCounters.Drop(DropReason.Stale, count);
        _ingress.ForgetHalfSent();
        if (_toFlush > 0)
        {
            _toFlush = error == 0 ? Math.Max(0, _toFlush - Math.Max(1, count)) : 0;

            // The rest in a turn of its own; at the end, whether there is a receiver by now, or whether to go on waiting for one.
            _resume.Schedule();
        }
    }

    private void ReadAndForward(out int error)
    {
        error = 0;
        if (Buffers.IsEmpty)
        {
            Fill(out error);
        }

        if (!Buffers.IsEmpty)
        {
            Buffers.AddTo(_burst);
            int done = _ingress.Forward(_burst, _resume);
            bool all = done == _burst.Count;
            _ingressCounters.CountForwarded(_burst, done);
            Buffers.Release(done);
            _gate.WantRead = Buffers.IsEmpty;
            if (all && !Buffers.IsEmpty)
            {
                // More was read than one turn carries; what a receiver holds back, its waiter fetches.
                _resume.Schedule();
            }
        }
    }

    private void OnWritable()
    {
        _gate.WantWrite = false;
        _waiters.ScheduleAll();
    }
}
