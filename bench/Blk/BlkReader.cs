using System.Diagnostics;
using System.Runtime.InteropServices;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.BlkBench;

/// <summary>Reads random blocks, a number of them at a time, and sleeps while none has come.</summary>
internal sealed class BlkReader : IDisposable
{
    private const int SlotsMax = 64, HeaderSize = 16, SectorsPerBlock = DiskFile.BlockSize / 512;

    public static readonly FrontendOptions Options = new()
    {
        Features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | VirtioFeatures.EVENT_IDX | VirtioFeatures.INDIRECT_DESC,
    };

    private readonly VhostUserFrontend _frontend;
    private readonly GuestMemory _memory = GuestMemory.Create(16 << 20);
    private readonly DriverQueue _queue;
    private readonly ulong[] _headers = new ulong[SlotsMax], _blocks = new ulong[SlotsMax], _status = new ulong[SlotsMax];
    private readonly long[] _asked = new long[SlotsMax];
    private readonly UsedChain[] _used = new UsedChain[SlotsMax];
    private readonly Random _random = new(1);

    public BlkReader(VhostUserFrontend frontend)
    {
        _frontend = frontend;
        frontend.Negotiate();
        frontend.ShareMemory(_memory);
        _queue = frontend.CreateQueue(0);
        frontend.StartQueue(_queue);
        for (int i = 0; i < SlotsMax; i++)
        {
            _headers[i] = _memory.Allocate(HeaderSize);
            _blocks[i] = _memory.Allocate(DiskFile.BlockSize, DiskFile.BlockSize);
            _status[i] = _memory.Allocate(1);
        }
    }

    /// <summary>Reads for a while.</summary>
    /// <returns>Requests a second.</returns>
    public double Run(int depth, TimeSpan time)
    {
        for (int slot = 0; slot < depth; slot++)
        {
            Ask(slot);
        }

        _queue.Publish();
        _queue.KickIfWanted();
        long start = Stopwatch.GetTimestamp();
        long count = 0;
        bool goesOn = true;
        while (_queue.Outstanding > 0)
        {
            int used = _queue.CollectUsed(_used);
            if (used == 0)
            {
                if (_queue.EnableCalls() && _queue.WaitForCall(TimeSpan.FromSeconds(5)) == 0)
                {
                    throw new TimeoutException($"{_queue.Outstanding} requests were not answered within 5 s");
                }

                _queue.DisableCalls();
                continue;
            }

            goesOn = goesOn && Stopwatch.GetElapsedTime(start) < time;
            for (int i = 0; i < used; i++)
            {
                Check((int)_used[i].Cookie);
                if (goesOn)
                {
                    count++;
                    Ask((int)_used[i].Cookie);
                }
            }

            if (goesOn)
            {
                _queue.Publish();
                _queue.KickIfWanted();
            }
        }

        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        _frontend.Dispose();
        _queue.Dispose();
        _memory.Dispose();
    }

    private void Ask(int slot)
    {
        _asked[slot] = _random.Next(DiskFile.Blocks);
        long sector = _asked[slot] * SectorsPerBlock;

        // The type, VIRTIO_BLK_T_IN, is 0, as is all that is not written here.
        MemoryMarshal.Write(_memory.Bytes(_headers[slot], HeaderSize)[8..], in sector);
        _memory.Bytes(_status[slot], 1)[0] = 0xff;
        ReadOnlySpan<GuestBuffer> request =
            [new(_headers[slot], HeaderSize, Writable: false), new(_blocks[slot], DiskFile.BlockSize, Writable: true), new(_status[slot], 1, Writable: true)];
        if (_queue.Add(request, (ulong)slot) < 0)
        {
            throw new InvalidOperationException("the ring has no room for a request");
        }
    }

    private void Check(int slot)
    {
        byte status = _memory.Bytes(_status[slot], 1)[0];
        long block = MemoryMarshal.Read<long>(_memory.Bytes(_blocks[slot], 8));
        if (status != 0 || block != _asked[slot])
        {
            throw new InvalidDataException($"block {_asked[slot]} was asked for: status {status}, and what came begins with {block}");
        }
    }
}
