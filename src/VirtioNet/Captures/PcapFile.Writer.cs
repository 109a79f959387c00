using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Captures;

/// <content>The file's own thread, which alone waits for the disk.</content>
public sealed partial class PcapFile
{
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
        _file ??= CaptureTarget.Open(Path, _options.Overwrite);
        if (!DescriptorReserve.Admits(_file.Value))
        {
            throw new PortException(
                $"capture {Path}: only the reserve of descriptors is left (descriptors.reserve); end something else, or raise the limit (ulimit -n, LimitNOFILE)");
        }

        _isPipe = CaptureTarget.IsPipe(_file);
        if (_isPipe)
        {
            // A record is written only when it fits as a whole. Without the privilege, or beyond the user's share of pages, the pipe stays as it is.
            _ = fcntl(_file.Value, F_SETPIPE_SZ, PipeBytes);
        }

        Span<byte> header = stackalloc byte[PcapFormat.FileHeaderSize];
        PcapFormat.WriteFileHeader(header, _options.SnapLength);
        if (write(_file.Value, header) != header.Length)
        {
            throw CaptureTarget.Failed(Path, errno);
        }

        Volatile.Write(ref _size, header.Length);
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

            int written = _isPipe ? WritePipe(fit, out int error) : WriteFile(fit, out error);
            if (error != 0)
            {
                Volatile.Write(ref _failure, CaptureTarget.Failed(Path, error).Message);
            }
            else if (fit < count)
            {
                Volatile.Write(ref _failure, $"capture {Path}: the file reached its limit of {_options.SizeLimit} bytes");
            }

            Discount(count - written);
        }
        else
        {
            Discount(count);
        }

        _ring.Release(count);
    }

    private int WriteFile(int count, out int error)
    {
        int written = RecordWriter.WriteFile(_file!.Value, _burst, count, out long bytes, out error);
        Volatile.Write(ref _size, _size + bytes);
        return written;
    }

    /// <summary>Writes records as the pipe's reader makes room for them.</summary>
    /// <returns>How many were written; the others are lost.</returns>
    private int WritePipe(int count, out int error)
    {
        int written = 0;
        int next = 0;
        bool progressed = true;
        error = 0;
        while (next < count)
        {
            int step = RecordWriter.WritePipe(_file!.Value, _burst, next, count - next, out long bytes, out error);
            Volatile.Write(ref _size, _size + bytes);
            written += step;
            next += step;
            progressed |= step > 0;
            switch (error)
            {
                case 0:
                    break;
                case EMSGSIZE:
                    // The record is longer than the whole pipe; those behind it may not be.
                    next++;
                    error = 0;
                    break;
                case EAGAIN:
                    if (!RecordWriter.AwaitRoom(_file.Value, _burst[next].Length))
                    {
                        error = EPIPE;
                        return written;
                    }

                    if (!GoesOn(progressed))
                    {
                        return written;
                    }

                    progressed = false;
                    break;
                default:
                    return written;
            }
        }

        return written;
    }

    private bool GoesOn(bool progressed)
    {
        long now = AioClock.Monotonic.NowNs;
        _progressNs = progressed ? now : Math.Max(_progressNs, Volatile.Read(ref _closedNs));
        return !Volatile.Read(ref _closed) || now - _progressNs < LastWaitNs;
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
