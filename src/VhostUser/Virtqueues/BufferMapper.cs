using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>Translates the buffers that descriptors name and appends them to a burst. It remembers the last window, which nearly every buffer hits.</summary>
internal struct BufferMapper(AddressSpace space)
{
    private MemoryWindow _last;

    // Of the chain that is gathered: whether it may have buffers of both directions, and the segments before its first writable one, -1 until there is one.
    private bool _mixed;
    private int _readable;

    /// <summary>Pieces of memory that were looked up for buffers which don't lie in one window, and for failures.</summary>
    public int Pieces { get; set; }

    /// <summary>The address at which the last failed translation stopped, for an IOTLB miss.</summary>
    public ulong MissedAddress { get; private set; }

    /// <summary>Whether that was to be written: an indirect table is only read, whatever its chain is for.</summary>
    public bool MissedWrite { get; private set; }

    /// <summary>Begins a chain.</summary>
    /// <param name="mixed">Whether it may have readable buffers and writable ones behind them, or all must be of one direction.</param>
    public void BeginChain(bool mixed)
    {
        _mixed = mixed;
        _readable = -1;
    }

    /// <summary>Of a mixed chain that was gathered: the segments that the device reads.</summary>
    /// <param name="segments">How many the chain has.</param>
    public readonly int ReadableOf(int segments) => _readable < 0 ? segments : _readable;

    /// <summary>Translates a buffer that lies in one window; false when it doesn't, which need not be an error.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslate(ulong address, uint length, bool write, out nint host)
    {
        if (_last.TryTranslate(address, length, out host) && (_last.Writable || !write))
        {
            return true;
        }

        return TryTranslateSlow(address, length, write, out host);
    }

    /// <summary>Checks one descriptor of a chain whose first segment is at <paramref name="start"/>, and appends its buffer.</summary>
    public ChainStatus AppendBuffer(ChainBurst burst, int start, ulong address, uint length, ushort flags, bool write, ref uint total)
    {
        if (_mixed ? !TryTurn(flags, burst.SegmentsUsed - start, out write) : (flags & SplitDescriptor.F_WRITE) != (write ? SplitDescriptor.F_WRITE : 0))
        {
            return ChainStatus.WrongDirection;
        }

        if (total + length < total)
        {
            return ChainStatus.TooManyBytes;
        }

        total += length;
        ChainStatus status = Append(burst, address, length, write);
        return status == ChainStatus.Ok && burst.SegmentsUsed - start > ChainBurst.ChainSegmentsMax ? ChainStatus.TooLong : status;
    }

    /// <summary>Takes a mixed chain's next buffer as it is; false for a readable one behind a writable one (virtio 1.3 section 2.7.4.2).</summary>
    private bool TryTurn(ushort flags, int segments, out bool write)
    {
        write = (flags & SplitDescriptor.F_WRITE) != 0;
        if (write && _readable < 0)
        {
            _readable = segments;
        }

        return write || _readable < 0;
    }

    /// <summary>Appends the segments of one buffer, which may span windows that follow each other, to the burst's segment array.</summary>
    private ChainStatus Append(ChainBurst burst, ulong address, uint length, bool write)
    {
        if (length != 0 && burst.SegmentsUsed < ChainBurst.SegmentsMax && TryTranslate(address, length, write, out nint host))
        {
            burst.Segment(burst.SegmentsUsed++) = new GuestSegment(host, length);
            return ChainStatus.Ok;
        }

        return AppendPieces(burst, address, length, write);
    }

    private ChainStatus AppendPieces(ChainBurst burst, ulong address, uint length, bool write)
    {
        while (length > 0)
        {
            Pieces++;
            if (!space.TryFind(address, out MemoryWindow window) || (write && !window.Writable))
            {
                SetMissed(address, write);
                return ChainStatus.BadAddress;
            }

            if (burst.SegmentsUsed == ChainBurst.SegmentsMax)
            {
                return ChainStatus.TooLong;
            }

            ulong offset = address - window.Start;
            uint here = (uint)Math.Min(length, window.Size - offset);
            burst.Segment(burst.SegmentsUsed++) = new GuestSegment(window.HostBase + (nint)offset, here);
            address += here;
            length -= here;
        }

        return ChainStatus.Ok;
    }

    private bool TryTranslateSlow(ulong address, uint length, bool write, out nint host)
    {
        host = 0;
        if (!space.TryFind(address, out MemoryWindow window) || (write && !window.Writable))
        {
            SetMissed(address, write);
            return false;
        }

        _last = window;
        return window.TryTranslate(address, length, out host);
    }

    private void SetMissed(ulong address, bool write)
    {
        MissedAddress = address;
        MissedWrite = write;
    }
}
