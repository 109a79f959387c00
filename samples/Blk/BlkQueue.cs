using System.Runtime.InteropServices;
using VhostNet.Aio;
using VhostNet.LibC;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;

namespace Blk;

/// <summary>
/// One queue of the disk. A request is a chain (virtio 1.3 section 5.2.6): a header of 16 bytes and, when something is written, the data, both to be read by
/// us; then room for what is read, and a last byte for the status. How that is cut into buffers is the guest's choice.
/// </summary>
internal sealed unsafe class BlkQueue : IDisposable
{
    private const uint T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8;
    private const byte S_OK = 0, S_IOERR = 1, S_UNSUPP = 2;
    private const int HeaderSize = 16, IdSize = 20;

    private readonly BlkFile _file;
    private readonly IoThread _thread;

    // The pieces of guest memory that a request's data lies in, for preadv and pwritev. SAFETY: room for the longest chain; freed by Dispose, after the ring's end.
    private readonly iovec* _pieces = (iovec*)NativeMemory.Alloc(ChainBurst.ChainSegmentsMax, (nuint)sizeof(iovec));

    public BlkQueue(BlkFile file, int index)
    {
        _file = file;
        _thread = new IoThread(new IoThreadOptions { Name = $"blk{index}" });
        _thread.Start();
        Ring = new DeviceQueue(_thread, ChainDirection.Mixed, $"blk{index}", Serve);
    }

    public DeviceQueue Ring { get; }

    public void Dispose()
    {
        Ring.Dispose();
        _thread.Dispose();
        NativeMemory.Free(_pieces);
    }

    private int Serve(ChainBurst burst, int count, ref TurnBudget turn)
    {
        int done = 0;
        while (done < count && !turn.IsSpent)
        {
            ref Chain chain = ref burst[done++];
            if (!chain.IsMalformed)
            {
                Serve(burst, ref chain);
                turn.TakeCalls(1, chain.TotalLength);
            }
        }

        return done;
    }

    private void Serve(ChainBurst burst, ref Chain chain)
    {
        uint writable = Bytes(burst, in chain, chain.ReadableCount, chain.SegmentCount);
        if (writable == 0)
        {
            // Without room for a status nobody can be told anything: the chain goes back as it came.
            return;
        }

        Span<byte> header = stackalloc byte[HeaderSize];
        byte status = CopyHeader(burst, in chain, header) ? Execute(burst, in chain, header, writable - 1) : S_IOERR;
        GuestSegment last = burst.SegmentOf(in chain, chain.SegmentCount - 1);

        // SAFETY: as Gather's.
        ((byte*)last.Address)[last.Length - 1] = status;

        // The status lies behind the data, so all of it counts as written, whatever became of the data.
        chain.Written = writable;
    }

    private byte Execute(ChainBurst burst, in Chain chain, ReadOnlySpan<byte> header, uint room)
    {
        // The header was copied out of guest memory, which the guest may change at any moment.
        uint type = MemoryMarshal.Read<uint>(header);
        ulong sector = MemoryMarshal.Read<ulong>(header[8..]);
        switch (type)
        {
            case T_IN:
                int count = Gather(burst, in chain, chain.ReadableCount, chain.SegmentCount, 0, room);
                return _file.Holds(sector, room) && _file.Read(_pieces, count, sector, room) ? S_OK : S_IOERR;
            case T_OUT:
                uint length = Bytes(burst, in chain, 0, chain.ReadableCount) - HeaderSize;
                count = Gather(burst, in chain, 0, chain.ReadableCount, HeaderSize, length);
                return _file.Holds(sector, length) && _file.Write(_pieces, count, sector, length) ? S_OK : S_IOERR;
            case T_FLUSH:
                return _file.Flush() ? S_OK : S_IOERR;
            case T_GET_ID when room >= IdSize:
                PutId(burst, in chain);
                return S_OK;
            default:
                return S_UNSUPP;
        }
    }

    /// <summary>Bytes of a chain's segments from one on and before another.</summary>
    private static uint Bytes(ChainBurst burst, in Chain chain, int from, int to)
    {
        uint bytes = 0;
        for (int i = from; i < to; i++)
        {
            bytes += burst.SegmentOf(in chain, i).Length;
        }

        return bytes;
    }

    /// <summary>Makes <see cref="_pieces"/> those of some segments, without their first bytes and up to a length; returns how many pieces there are.</summary>
    // SAFETY: the segments lie in guest memory that the queue has checked and that stays mapped until the burst is completed; no more pieces are made than a chain
    // has segments.
    private int Gather(ChainBurst burst, in Chain chain, int from, int to, uint skip, uint length)
    {
        int count = 0;
        for (int i = from; i < to && length > 0; i++)
        {
            GuestSegment segment = burst.SegmentOf(in chain, i);
            uint skipped = Math.Min(skip, segment.Length);
            uint taken = Math.Min(segment.Length - skipped, length);
            skip -= skipped;
            length -= taken;
            if (taken > 0)
            {
                _pieces[count++] = new iovec { iov_base = (void*)(segment.Address + (nint)skipped), iov_len = taken };
            }
        }

        return count;
    }

    // SAFETY: as Gather's; it gives no more bytes than the header has.
    private bool CopyHeader(ChainBurst burst, in Chain chain, Span<byte> header)
    {
        int count = Gather(burst, in chain, 0, chain.ReadableCount, 0, HeaderSize);
        int filled = 0;
        for (int i = 0; i < count; i++)
        {
            var piece = new ReadOnlySpan<byte>(_pieces[i].iov_base, (int)_pieces[i].iov_len);
            piece.CopyTo(header[filled..]);
            filled += piece.Length;
        }

        return filled == HeaderSize;
    }

    // SAFETY: as Gather's; it gives no more bytes than the name has.
    private void PutId(ChainBurst burst, in Chain chain)
    {
        ReadOnlySpan<byte> id = "VhostNet sample\0\0\0\0\0"u8;
        int count = Gather(burst, in chain, chain.ReadableCount, chain.SegmentCount, 0, IdSize);
        int put = 0;
        for (int i = 0; i < count; i++)
        {
            var piece = new Span<byte>(_pieces[i].iov_base, (int)_pieces[i].iov_len);
            id.Slice(put, piece.Length).CopyTo(piece);
            put += piece.Length;
        }
    }
}
