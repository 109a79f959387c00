using VhostNet.Aio;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Pcap;

namespace VhostNet.VirtioNet.Ports;

/// <summary>
/// A capture file in pcap format with nanoseconds, as Wireshark and tcpdump read it. Any data thread records bursts: frames are copied into a bounded queue, and a
/// thread of the file's own opens it, writes and closes it, since a disk may keep it waiting for ever. What the queue has no room for is counted, never waited
/// for. Frames with partial checksums are recorded as they are.
/// </summary>
public sealed class PcapFile : IDisposable
{
    /// <summary>How long the constructor waits for the file system.</summary>
    private const int OpenTimeoutMs = 2000;

    /// <summary>How long a pipe's reader may take nothing after the capture has ended.</summary>
    private const long LastWaitNs = 1_000_000_000;

    private readonly PcapFileOptions _options;
    private readonly FrameRing _ring;
    private readonly FrameBurst _burst = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private FileDescriptor? _file;
    private string? _failure;
    private long _recorded;
    private long _dropped;
    private long _size;
    private long _closedNs;
    private int _asleep;
    private bool _closed;

    /// <summary>Creates the file, and waits for a busy disk two seconds at most.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="options">What to keep; null for the defaults.</param>
    /// <exception cref="PortException">The file can't be written, something else is in its place, or the file system does not answer.</exception>
    public PcapFile(string path, PcapFileOptions? options = null)
        : this(options ?? new PcapFileOptions(), path)
    {
        bool answered;
        try
        {
            answered = _opened.Task.Wait(OpenTimeoutMs);
        }
        catch (AggregateException e)
        {
            throw e.InnerException!;
        }

        if (!answered)
        {
            Close();
            throw new PortException($"capture {path}: the file system did not answer within {OpenTimeoutMs / 1000} s; is it frozen, or a server away?");
        }
    }

    /// <summary>Has the file opened by its own thread.</summary>
    private PcapFile(PcapFileOptions options, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _options = options;
        if (_options.SnapLength < PcapFormat.SnapLengthMin)
        {
            throw new PortException($"capture {path}: a snap length of {_options.SnapLength} bytes keeps nothing of use; {PcapFormat.SnapLengthMin} is the least");
        }

        Path = path;
        _ring = new FrameRing(_options.QueueBytes);
        new Thread(Main) { Name = "pcap writer", IsBackground = true }.Start();
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>Frames that were recorded so far; some of them may still wait to be written.</summary>
    public long Recorded => Volatile.Read(ref _recorded);

    /// <summary>Frames that were not recorded: the queue or the file was full, or writing failed.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Bytes written so far.</summary>
    public long Size => Volatile.Read(ref _size);

    /// <summary>Why nothing is written any more, or null.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <summary>Completes when the file is closed, with everything written or given up; never fails, see <see cref="Failure"/>.</summary>
    public Task Completion => _completion.Task;

    /// <summary>True while all that was recorded is written and the writer sleeps. Any thread; a hint.</summary>
    internal bool IsIdle => _ring.IsEmpty && Volatile.Read(ref _asleep) != 0;

    private bool IsFull => _options.FrameLimit > 0 && _recorded >= _options.FrameLimit;

    /// <summary>Creates the file without making anybody wait.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="options">What to keep; null for the defaults.</param>
    /// <returns>The file, once it is open; fails with a <see cref="PortException"/> as the constructor does.</returns>
    public static async Task<PcapFile> OpenAsync(string path, PcapFileOptions? options = null)
    {
        var file = new PcapFile(options ?? new PcapFileOptions(), path);
        await file._opened.Task.ConfigureAwait(false);
        return file;
    }

    /// <summary>Records frames with the present time. Any thread, also after <see cref="Close"/>, when it does nothing.</summary>
    /// <param name="burst">Where the frames are.</param>
    /// <param name="frames">Which of them.</param>
    public void Record(FrameBurst burst, ReadOnlySpan<ushort> frames)
    {
        ArgumentNullException.ThrowIfNull(burst);
        long now = AioClock.Realtime.NowNs;
        _ring.Lock.Enter();
        if (!_closed)
        {
            foreach (ushort frame in frames)
            {
                if (burst[frame].IsMalformed)
                {
                    continue;
                }

                if (Failure is null && !IsFull && TryQueue(burst, frame, now))
                {
                    _recorded++;
                }
                else
                {
                    _dropped++;
                }
            }

            Wake();
        }

        _ring.Lock.Exit();
    }

    /// <summary>Ends the recording: what waits is written and the file closed by its own thread. Waits for nothing. Any thread; a second call does nothing.</summary>
    public void Close()
    {
        _ring.Lock.Enter();
        if (!_closed)
        {
            Volatile.Write(ref _closedNs, AioClock.Monotonic.NowNs);
            Volatile.Write(ref _closed, true);
            Wake();
        }

        _ring.Lock.Exit();
    }

    /// <summary>The same as <see cref="Close"/>.</summary>
    public void Dispose() => Close();

    /// <summary>Wakes the writer if it sleeps. Needs the ring's lock.</summary>
    private void Wake()
    {
        // Pairs with the barrier in Sleep: either the writer sees what was queued, or we see it asleep.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _asleep) != 0 && Interlocked.Exchange(ref _asleep, 0) != 0)
        {
            _wake.Set();
        }
    }

    private void Sleep()
    {
        Volatile.Write(ref _asleep, 1);
        Interlocked.MemoryBarrier();
        if (!_ring.IsEmpty || Volatile.Read(ref _closed))
        {
            // Whoever took the mark has set the event, or is about to: the next sleep ends at once, which does no harm.
            Volatile.Write(ref _asleep, 0);
            return;
        }

        _wake.WaitOne();
    }

    /// <summary>The writer's thread.</summary>
    private void Main()
    {
        try
        {
            Open();
            _opened.SetResult();
            while (true)
            {
                bool last = Volatile.Read(ref _closed);
                while (!_ring.IsEmpty)
                {
                    WriteSome();
                }

                if (last)
                {
                    break;
                }

                Sleep();
            }
        }
        catch (Exception e)
        {
            // Whatever went wrong with one file ends its capture, not the process.
            Volatile.Write(ref _failure, e is PortException ? e.Message : $"capture {Path}: {e.GetType().Name}: {e.Message}");
            _opened.TrySetException(e);
            _ = _opened.Task.Exception;
            Close();
        }

        _file?.Dispose();
        _ring.Dispose();
        _burst.Dispose();
        _completion.SetResult();
    }

    private void Open()
    {
        _file = CaptureTarget.Open(Path, _options.Overwrite);
        if (!DescriptorReserve.Admits(_file.Value))
        {
            throw new PortException($"capture {Path}: only the reserve of descriptors is left (descriptors.reserve); end something else, or raise the limit (ulimit -n, LimitNOFILE)");
        }

        Span<byte> header = stackalloc byte[PcapFormat.FileHeaderSize];
        PcapFormat.WriteFileHeader(header, _options.SnapLength);
        if (write(_file.Value, header) != header.Length)
        {
            throw CaptureTarget.Failed(Path, errno);
        }

        Volatile.Write(ref _size, header.Length);
    }

    private bool TryQueue(FrameBurst burst, int frame, long now)
    {
        int length = (int)burst[frame].TotalLength;
        int kept = Math.Min(length, _options.SnapLength);
        if (!_ring.TryReserve(kept + PcapFormat.RecordHeaderSize, out Span<byte> room))
        {
            return false;
        }

        // The file's record is made here, so that the ring's content can be written as it is.
        PcapFormat.WriteRecordHeader(room, now, kept, length);
        burst.CopyTo(frame, 0, room[PcapFormat.RecordHeaderSize..]);
        _ring.Commit(default, room.Length);
        return true;
    }

    /// <summary>Writes a burst of records; all of it or, when the file is full, none.</summary>
    private void WriteSome()
    {
        int count = _ring.Peek(_burst, FrameBurst.FramesMax);
        if (Failure is null)
        {
            int fit = count;
            if (_options.SizeLimit > 0)
            {
                fit = Fit();
            }

            int error = RecordWriter.Write(_file!.Value, _burst, fit, GoesOn, out long bytes);
            Volatile.Write(ref _size, _size + bytes);
            if (error != 0)
            {
                Volatile.Write(ref _failure, CaptureTarget.Failed(Path, error).Message);
            }
            else if (fit < count)
            {
                Volatile.Write(ref _failure, $"capture {Path}: the file reached its limit of {_options.SizeLimit} bytes");
                Discount(count - fit);
            }
        }
        else
        {
            Discount(count);
        }

        _ring.Release(count);
    }

    private bool GoesOn() => !Volatile.Read(ref _closed) || AioClock.Monotonic.NowNs - Volatile.Read(ref _closedNs) < LastWaitNs;

    private int Fit()
    {
        long room = _options.SizeLimit - _size;
        int fit = 0;
        while (fit < _burst.Count && room >= _burst[fit].Length)
        {
            room -= _burst[fit++].Length;
        }

        return fit;
    }

    /// <summary>Counts frames that were queued as dropped after all.</summary>
    private void Discount(int frames)
    {
        _ring.Lock.Enter();
        _recorded -= frames;
        _dropped += frames;
        _ring.Lock.Exit();
    }
}
