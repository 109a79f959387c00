using System.Runtime.InteropServices;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Buffers;

namespace VhostNet.VirtioNet.Ports.Pcap;

/// <summary>Reads the frames of a pcap file, of either byte order, with micro- or nanoseconds. One thread, which never waits for the disk.</summary>
internal sealed unsafe class PcapReader : IDisposable
{
    private const int Size = 2 << 20;

    // SAFETY: allocated here with Size bytes and freed only by Dispose; 0 <= _start <= _end <= Size holds throughout.
    private readonly byte* _memory = (byte*)NativeMemory.Alloc(Size);
    private readonly ReplayFile _file;
    private readonly string _path;
    private readonly bool _bigEndian;
    private readonly int _fraction;
    private int _start;
    private int _end;
    private long _base;
    private bool _atEnd;
    private bool _disposed;

    /// <summary>Opens a file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="ready">Called on another thread when there is something after <see cref="ReplayState.Waiting"/>; must not wait.</param>
    /// <exception cref="PortException">It can't be read, or is none that can be replayed.</exception>
    public PcapReader(string path, Action ready)
    {
        _path = path;
        try
        {
            _file = new ReplayFile(path, ready);
        }
        catch
        {
            Free();
            GC.SuppressFinalize(this);
            throw;
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
        if (_base == 0)
        {
            // All of the file is still here.
            _start = PcapFormat.FileHeaderSize;
            return;
        }

        _start = _end = 0;
        _base = PcapFormat.FileHeaderSize;
        _atEnd = false;
        _file.Restart(_base);
    }

    /// <summary>Looks for the next frame.</summary>
    /// <param name="budget">The turn's; records that are left out are taken from it.</param>
    /// <param name="timeNs">Its time in nanoseconds since 1970.</param>
    public ReplayState Peek(ref TurnBudget budget, out long timeNs)
    {
        while (TryPeek(_start, out timeNs, out int length, out bool whole))
        {
            if (whole)
            {
                return ReplayState.Frame;
            }

            Skipped++;
            _start += PcapFormat.RecordHeaderSize + length;
            budget.TakeChains(1);
            if (budget.IsSpent)
            {
                return ReplayState.Spent;
            }
        }

        return _atEnd || Failure is not null ? ReplayState.End : ReplayState.Waiting;
    }

    /// <summary>Puts frames up to a time into an empty burst, after <see cref="Peek"/> found one; they stay until <see cref="Release"/>.</summary>
    /// <param name="burst">Where to.</param>
    /// <param name="untilNs">Time of the last frame that is wanted.</param>
    // SAFETY: TryPeek has checked that the record lies wholly in the buffer.
    public void AddTo(FrameBurst burst, long untilNs)
    {
        burst.Clear();

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
        _file?.Dispose();
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

        if (!_atEnd && _end - at < PcapFormat.RecordHeaderSize)
        {
            return false;
        }

        if (_end - at < PcapFormat.RecordHeaderSize)
        {
            Failure ??= _end > at ? $"replay {_path}: the file ends in the middle of a record" : null;
            return false;
        }

        var header = new ReadOnlySpan<byte>(_memory + at, PcapFormat.RecordHeaderSize);
        uint kept = PcapFormat.ReadNumber(header[8..], _bigEndian);
        if (!_atEnd && kept is <= PcapFormat.RecordMax && kept > (uint)(_end - at - PcapFormat.RecordHeaderSize))
        {
            return false;
        }

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

    /// <summary>Takes what was read ahead, as far as there is room; waits for nothing.</summary>
    // SAFETY: the room after _end is Size - _end bytes.
    private void Fill()
    {
        if (_atEnd)
        {
            return;
        }

        Buffer.MemoryCopy(_memory + _start, _memory, Size, _end - _start);
        _base += _start;
        _end -= _start;
        _start = 0;
        while (!_atEnd && _end < Size)
        {
            int taken = _file.Take(new Span<byte>(_memory + _end, Size - _end), out _atEnd, out int error);
            if (taken < 0)
            {
                return;
            }

            _end += taken;
            Failure ??= error != 0 ? $"replay {_path}: {new Errno(error)}" : null;
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
