using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Pcap;

/// <summary>Reads the frames of a pcap file, of either byte order, with micro- or nanoseconds. One thread.</summary>
internal sealed unsafe class PcapReader : IDisposable
{
    private const int Size = 2 << 20;

    // SAFETY: allocated here with Size bytes and freed only by Dispose; 0 <= _start <= _end <= Size holds throughout.
    private readonly byte* _memory = (byte*)NativeMemory.Alloc(Size);
    private readonly FileDescriptor _file;
    private readonly string _path;
    private readonly bool _bigEndian;
    private readonly int _fraction;
    private int _start;
    private int _end;
    private bool _atEnd;
    private bool _disposed;

    /// <summary>Opens a file.</summary>
    /// <exception cref="PortException">It can't be read, or is none that can be replayed.</exception>
    public PcapReader(string path)
    {
        _path = path;
        _file = new FileDescriptor(open(path, O_RDONLY | O_CLOEXEC));
        if (_file.IsInvalid)
        {
            Errno why = Errno.Last;
            Dispose();
            throw new PortException(why.Value == ENOENT ? $"replay {path}: there is no such file" : $"replay {path}: {why}");
        }

        Fill();
        if (!PcapFormat.TryReadFileHeader(Unread, out string problem, out _bigEndian, out _fraction))
        {
            Dispose();
            throw new PortException($"replay {path}: {problem}");
        }

        _start = PcapFormat.FileHeaderSize;
    }

    /// <summary>Frees what a forgotten Dispose left.</summary>
    ~PcapReader() => Free();

    /// <summary>Frames left out because they were cut short when they were recorded, or are too long for a frame.</summary>
    public long Skipped { get; private set; }

    /// <summary>Why the rest of the file can't be read, or null.</summary>
    public string? Failure { get; private set; }

    private ReadOnlySpan<byte> Unread => new(_memory + _start, _end - _start);

    /// <summary>Goes back to the first frame.</summary>
    public void Rewind()
    {
        _start = _end = 0;
        _atEnd = false;
        _ = lseek(_file.Value, PcapFormat.FileHeaderSize, SEEK_SET);
    }

    /// <summary>The time of the next frame in nanoseconds since 1970; false at the end.</summary>
    public bool TryPeekTime(out long timeNs)
    {
        while (TryPeek(_start, out timeNs, out int length, out bool whole))
        {
            if (whole)
            {
                return true;
            }

            Skipped++;
            _start += PcapFormat.RecordHeaderSize + length;
        }

        return false;
    }

    /// <summary>Puts frames up to a time into an empty burst; they stay until <see cref="Release"/>.</summary>
    /// <param name="burst">Where to.</param>
    /// <param name="untilNs">Time of the last frame that is wanted.</param>
    // SAFETY: TryPeek has checked that the record lies wholly in the buffer.
    public void AddTo(FrameBurst burst, long untilNs)
    {
        burst.Clear();
        if (!TryPeekTime(out _))
        {
            return;
        }

        // Only what is in the buffer already: filling it would move the frames that the burst has.
        int at = _start;
        while (burst.Count < FrameBurst.FramesMax && IsBuffered(at) && TryPeek(at, out long timeNs, out int length, out bool whole) && whole && timeNs <= untilNs)
        {
            burst.TryAdd(default, (nint)(_memory + at + PcapFormat.RecordHeaderSize), (uint)length);
            at += PcapFormat.RecordHeaderSize + length;
        }
    }

    /// <summary>Goes on behind the oldest <paramref name="count"/> frames of a burst.</summary>
    public void Release(FrameBurst burst, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _start += PcapFormat.RecordHeaderSize + (int)burst[i].Length;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        _file.Dispose();
        GC.SuppressFinalize(this);
    }

    private bool IsBuffered(int at)
    {
        if (_end - at < PcapFormat.RecordHeaderSize)
        {
            return false;
        }

        uint length = PcapFormat.ReadNumber(new ReadOnlySpan<byte>(_memory + at + 8, 4), _bigEndian);
        return length <= (uint)(_end - at - PcapFormat.RecordHeaderSize);
    }

    /// <summary>Looks at the record at a place of the buffer; fills the buffer when the record is the next one and not all of it is there.</summary>
    private bool TryPeek(int at, out long timeNs, out int length, out bool whole)
    {
        timeNs = length = 0;
        whole = false;
        if (!IsBuffered(at))
        {
            Fill();
            at = _start;
        }

        if (_end - at < PcapFormat.RecordHeaderSize)
        {
            Failure ??= _end > at ? $"replay {_path}: the file ends in the middle of a record" : null;
            return false;
        }

        var header = new ReadOnlySpan<byte>(_memory + at, PcapFormat.RecordHeaderSize);
        uint kept = PcapFormat.ReadNumber(header[8..], _bigEndian);
        if (kept > PcapFormat.RecordMax || kept > (uint)(_end - at - PcapFormat.RecordHeaderSize))
        {
            Failure ??= kept > PcapFormat.RecordMax
                ? $"replay {_path}: a record of {kept} bytes makes no sense; the file is damaged"
                : $"replay {_path}: the file ends in the middle of a record";
            return false;
        }

        timeNs = (PcapFormat.ReadNumber(header, _bigEndian) * 1_000_000_000L) + (PcapFormat.ReadNumber(header[4..], _bigEndian) * (long)_fraction);
        length = (int)kept;
        whole = kept is >= PcapFormat.SnapLengthMin and <= ReceiveBuffers.FrameMax && PcapFormat.ReadNumber(header[12..], _bigEndian) == kept;
        return true;
    }

    // SAFETY: the room after _end is Size - _end bytes.
    private void Fill()
    {
        Buffer.MemoryCopy(_memory + _start, _memory, Size, _end - _start);
        _end -= _start;
        _start = 0;
        while (!_atEnd && _end < Size)
        {
            nint n = read(_file.Value, _memory + _end, (nuint)(Size - _end));
            if (n > 0)
            {
                _end += (int)n;
            }
            else if (n == 0 || errno != EINTR)
            {
                Failure ??= n < 0 ? $"replay {_path}: {Errno.Last}" : null;
                _atEnd = true;
            }
        }
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.Free(_memory);
        }
    }
}
