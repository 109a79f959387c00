using VhostNet.Aio;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Pcap;

namespace VhostNet.VirtioNet.Ports;

/// <summary>
/// A capture file in pcap format with nanoseconds, as Wireshark and tcpdump read it. Any data thread records bursts: frames are copied into a bounded queue and
/// written elsewhere. What the queue has no room for is counted, never waited for. Frames with partial checksums are recorded as they are.
/// </summary>
public sealed class PcapFile : IDisposable
{
    /// <summary>Frames written before other handlers get their turn.</summary>
    private const int Budget = 2048;

    private readonly AioContext _context;
    private readonly PcapFileOptions _options;
    private readonly FileDescriptor _file;
    private readonly FrameRing _ring;
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _flush;
    private long _recorded;
    private long _dropped;
    private long _size;
    private bool _closed;

    /// <summary>Creates the file, or empties it.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="context">Where it is written; not a data thread's, since disks may block. Polled until the file is disposed.</param>
    /// <param name="options">What to keep; null for the defaults.</param>
    /// <exception cref="PortException">The file can't be written.</exception>
    public PcapFile(string path, AioContext context, PcapFileOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(context);
        _options = options ?? new PcapFileOptions();
        if (_options.SnapLength < PcapFormat.SnapLengthMin)
        {
            throw new PortException($"capture {path}: a snap length of {_options.SnapLength} bytes keeps nothing of use; {PcapFormat.SnapLengthMin} is the least");
        }

        Path = path;
        _context = context;
        _file = new FileDescriptor(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0b110_000_000));
        if (_file.IsInvalid)
        {
            throw Failed(path, Errno.Last.Value);
        }

        Span<byte> header = stackalloc byte[PcapFormat.FileHeaderSize];
        PcapFormat.WriteFileHeader(header, _options.SnapLength);
        if (write(_file.Value, header) != header.Length)
        {
            Errno why = Errno.Last;
            _file.Dispose();
            throw Failed(path, why.Value);
        }

        _size = header.Length;
        _ring = new FrameRing(_options.QueueBytes);
        _flush = context.CreateBottomHalf(Flush, $"pcap {path}");
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
    public string? Failure { get; private set; }

    private bool IsFull => _options.FrameLimit > 0 && _recorded >= _options.FrameLimit;

    /// <summary>Records frames with the present time. Any thread, also after <see cref="Dispose"/>, when it does nothing.</summary>
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

            _flush.Schedule();
        }

        _ring.Lock.Exit();
    }

    /// <summary>Writes what waits, and closes the file. The context's thread must run, or be the calling one.</summary>
    public void Dispose()
    {
        _ring.Lock.Enter();
        bool closed = _closed;
        _closed = true;
        _ring.Lock.Exit();
        if (closed)
        {
            return;
        }

        // Nothing is queued from here on, and so the ring can go once it is empty.
        _context.RunOnHomeThread(() =>
        {
            _flush.Delete();
            while (!_ring.IsEmpty)
            {
                WriteSome();
            }
        });
        _file.Dispose();
        _ring.Dispose();
        _burst.Dispose();
    }

    private static PortException Failed(string path, int error) => new(error switch
    {
        ENOENT => $"capture {path}: its directory does not exist; make it first",
        EACCES or EPERM or EROFS => $"capture {path}: it can't be written for want of permission; choose a place that user {geteuid()} may write to",
        ENOSPC => $"capture {path}: the disk is full",
        ENXIO => $"capture {path}: it is a pipe that nobody reads; name a file",
        EISDIR => $"capture {path}: it is a directory; name a file",
        _ => $"capture {path}: {new Errno(error)}",
    });

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

    private void Flush()
    {
        int written = 0;
        while (!_ring.IsEmpty)
        {
            if (written >= Budget)
            {
                _flush.Schedule();
                return;
            }

            written += WriteSome();
        }
    }

    /// <summary>Writes a burst of records; all of it or, when the file is full, none. Returns the number of records that left the ring.</summary>
    private int WriteSome()
    {
        int count = _ring.Peek(_burst, FrameBurst.FramesMax);
        if (Failure is null)
        {
            int fit = count;
            if (_options.SizeLimit > 0)
            {
                fit = Fit();
            }

            int error = RecordWriter.Write(_file.Value, _burst, fit, out long bytes);
            Volatile.Write(ref _size, _size + bytes);
            if (error != 0)
            {
                Failure = Failed(Path, error).Message;
            }
            else if (fit < count)
            {
                Failure = $"capture {Path}: the file reached its limit of {_options.SizeLimit} bytes";
                Discount(count - fit);
            }
        }
        else
        {
            Discount(count);
        }

        _ring.Release(count);
        return count;
    }

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
