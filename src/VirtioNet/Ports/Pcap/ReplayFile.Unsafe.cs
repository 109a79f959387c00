using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Errors;

namespace VhostNet.VirtioNet.Ports.Pcap;

/// <summary>
/// Reads a file ahead on a thread of its own, as opening and reading may take as long as the disk likes: one piece is read while the one before is worked on.
/// All but the constructor on one thread, which never waits here.
/// </summary>
internal sealed unsafe class ReplayFile : IDisposable
{
    private const int Size = 1 << 20;

    /// <summary>How long the constructor waits for the file system.</summary>
    private const int OpenTimeoutMs = 2000;

    private readonly string _path;
    private readonly Action _ready;
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // SAFETY: allocated here with Size bytes and freed only by the file's thread when it ends. Whose turn it is to touch the piece is what _isFull says: the
    // thread's while false, the reader's while true.
    private readonly byte* _piece = (byte*)NativeMemory.Alloc(Size);
    private FileDescriptor? _file;
    private long _offset;
    private int _length;
    private int _taken;
    private int _error;
    private bool _isLast;
    private bool _isFull;
    private bool _stop;

    /// <summary>Opens a regular file and reads its first piece, and waits for a busy disk two seconds at most.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="ready">Called on the file's thread when there is something to take; must not wait.</param>
    /// <exception cref="PortException">It can't be read, is no regular file, or the file system does not answer.</exception>
    public ReplayFile(string path, Action ready)
    {
        _path = path;
        _ready = ready;
        new Thread(Main) { Name = "pcap reader", IsBackground = true }.Start();
        bool answered;
        try
        {
            answered = _opened.Task.Wait(OpenTimeoutMs);
        }
        catch (AggregateException e)
        {
            Dispose();
            throw e.InnerException!;
        }

        if (!answered)
        {
            Dispose();
            throw new PortException($"replay {path}: the file system did not answer within {OpenTimeoutMs / 1000} s; is it frozen, or a server away?");
        }
    }

    /// <summary>Takes bytes of the piece that was read ahead.</summary>
    /// <param name="room">Where to.</param>
    /// <param name="atEnd">True when nothing follows what was taken.</param>
    /// <param name="error">The error number that ended the reading, or 0.</param>
    /// <returns>How many bytes; -1 when the next piece is not there yet.</returns>
    public int Take(Span<byte> room, out bool atEnd, out int error)
    {
        atEnd = false;
        error = 0;
        if (!Volatile.Read(ref _isFull))
        {
            return -1;
        }

        int count = Math.Min(room.Length, _length - _taken);
        new ReadOnlySpan<byte>(_piece + _taken, count).CopyTo(room);
        _taken += count;
        if (_taken == _length)
        {
            atEnd = _isLast;
            error = _error;
            if (!_isLast)
            {
                ReadOn(_offset + _length);
            }
        }

        return count;
    }

    /// <summary>Begins again at a place of the file. Only when its end was reached.</summary>
    public void Restart(long offset) => ReadOn(offset);

    /// <summary>Has the thread end and free what it has; does not wait for it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stop = true;
        }

        _wake.Set();
    }

    private void ReadOn(long offset)
    {
        _offset = offset;
        _taken = 0;
        Volatile.Write(ref _isFull, false);
        _wake.Set();
    }

    private void Main()
    {
        try
        {
            _file = Open(_path);
            do
            {
                if (!Volatile.Read(ref _isFull))
                {
                    Fill();
                    Volatile.Write(ref _isFull, true);
                    _opened.TrySetResult();
                }
            }
            while (Announce() && _wake.WaitOne());
        }
        catch (Exception e)
        {
            _opened.TrySetException(e);
            _ = _opened.Task.Exception;
        }

        _file?.Dispose();
        NativeMemory.Free(_piece);
    }

    /// <summary>Says that there is something to take; false when nobody takes it any more.</summary>
    private bool Announce()
    {
        lock (_lock)
        {
            if (!_stop && Volatile.Read(ref _isFull))
            {
                _ready();
            }

            return !_stop;
        }
    }

    // SAFETY: the piece is the thread's while _isFull is false, and has room for Size bytes.
    private void Fill()
    {
        _length = 0;
        _error = 0;
        _isLast = false;
        while (_length < Size && !_isLast)
        {
            nint n = pread(_file!.Value, _piece + _length, (nuint)(Size - _length), _offset + _length);
            if (n > 0)
            {
                _length += (int)n;
            }
            else if (n == 0 || errno != EINTR)
            {
                _error = n < 0 ? errno : 0;
                _isLast = true;
            }
        }
    }

    private static FileDescriptor Open(string path)
    {
        // A pipe without a writer does not keep us waiting, and is refused below.
        var file = new FileDescriptor(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        if (file.IsInvalid)
        {
            Errno why = Errno.Last;
            throw new PortException(why.Value == ENOENT ? $"replay {path}: there is no such file" : $"replay {path}: {why}");
        }

        if (statx(file.Value, STATX_TYPE, out statx_t facts) < 0 || (facts.stx_mode & S_IFMT) != S_IFREG)
        {
            file.Dispose();
            throw new PortException($"replay {path}: it is no regular file; a pipe or a device can't be read again and again");
        }

        return file;
    }
}
