using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Captures;

/// <summary>
/// A capture file in pcap format with nanoseconds, as Wireshark and tcpdump read it. Any data thread records bursts: frames are copied into a bounded queue,
/// and a thread of the file's own opens it, writes and closes it, since a disk may keep it waiting for ever. What the queue has no room for is counted, never
/// waited for. Frames with partial checksums are recorded as they are.
/// </summary>
public sealed partial class PcapFile : IDisposable
{
    /// <summary>How long the constructor waits for the file system.</summary>
    private const int OpenTimeoutMs = 2000;

    /// <summary>How long a pipe's reader may take nothing once the capture has ended.</summary>
    private const long LastWaitNs = 2_000_000_000;

    /// <summary>Bytes that a pipe is asked to hold: the longest frame fits beside others.</summary>
    private const int PipeBytes = 256 * 1024;

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
    private long _progressNs;
    private int _asleep;
    private bool _isPipe;
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

    /// <summary>Has the file opened by its own thread, unless it is open already.</summary>
    private PcapFile(PcapFileOptions options, string path, FileDescriptor? pipe = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _options = options;
        if (_options.SnapLength < PcapFormat.SnapLengthMin)
        {
            throw new PortException($"capture {path}: a snap length of {_options.SnapLength} bytes keeps nothing of use; {PcapFormat.SnapLengthMin} is the least");
        }

        Path = path;
        _file = pipe;
        _ring = new FrameRing(_options.QueueBytes);
        new Thread(Main) { Name = "pcap writer", IsBackground = true }.Start();
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>Frames that were recorded so far; some of them may still wait to be written.</summary>
    public long Recorded => Volatile.Read(ref _recorded);

    /// <summary>Frames that were not recorded: the queue or the file was full, or writing failed.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Bytes written so far: whole records, and the head of the file.</summary>
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

    /// <summary>Writes to a pipe that the caller reads.</summary>
    /// <param name="pipe">Its non-blocking end for writing; taken over.</param>
    /// <param name="name">What stands for the path in messages.</param>
    /// <param name="options">What to keep; null for the defaults.</param>
    /// <exception cref="PortException">The options keep nothing of use.</exception>
    public static PcapFile OverPipe(FileDescriptor pipe, string name, PcapFileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(pipe);
        return new PcapFile(options ?? new PcapFileOptions(), name, pipe);
    }

    /// <summary>
    /// Records frames with the present time, and takes what the copies cost from the burst's budget. Any thread, also after <see cref="Close"/>, when it does
    /// nothing.
    /// </summary>
    /// <param name="burst">Where the frames are.</param>
    /// <param name="frames">Which of them.</param>
    public void Record(FrameBurst burst, ReadOnlySpan<ushort> frames)
    {
        ArgumentNullException.ThrowIfNull(burst);
        long now = AioClock.Realtime.NowNs;
        long bytes = 0;
        _ring.Lock.Enter();
        if (!_closed)
        {
            foreach (ushort frame in frames)
            {
                if (burst[frame].IsMalformed)
                {
                    continue;
                }

                if (Failure is null && !IsFull && TryQueue(burst, frame, now, ref bytes))
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
        burst.Budget.TakeCopies(frames.Length, bytes);
    }

    /// <summary>
    /// Ends the recording: what waits is written and the file closed by its own thread. Waits for nothing. Any thread; a second call does nothing.
    /// </summary>
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

    private bool TryQueue(FrameBurst burst, int frame, long now, ref long bytes)
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
        bytes += kept;
        return true;
    }
}
