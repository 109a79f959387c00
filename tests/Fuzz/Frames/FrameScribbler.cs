using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Frames;

/// <summary>A guest's other processor: keeps changing frames, their virtio_net_hdr above all, while the device works on them. Writes nowhere else.</summary>
internal sealed class FrameScribbler : IDisposable
{
    private static readonly byte[] s_bytes = [0, 1, 2, 4, 5, 6, 14, 17, 34, 54, 0x45, 0x4f, 0x60, 0x81, 0x85, 0x86, 0xdd, 0x88, 0xa8, 0xff];

    private readonly object _gate = new();
    private readonly Thread _thread;
    private GuestMemory? _memory;
    private IReadOnlyList<GuestBuffer[]> _chains = [];
    private Random _random = new(0);
    private bool _ends;

    public FrameScribbler()
    {
        _thread = new Thread(Main) { Name = "scribbler", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Begins with these chains.</summary>
    public void Start(GuestMemory memory, IReadOnlyList<GuestBuffer[]> chains, int seed)
    {
        lock (_gate)
        {
            (_memory, _chains, _random) = (chains.Count == 0 ? null : memory, chains, new Random(seed));
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>When this returns, nothing is written any more.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _memory = null;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _ends = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
    }

    /// <summary>False for a piece that was spoilt.</summary>
    public static bool MayWrite(GuestMemory memory, GuestBuffer piece) =>
        piece.Length != 0 && !piece.Writable && memory.Regions.Any(r => piece.Address - r.GuestAddress < r.Size);

    private void Main()
    {
        while (true)
        {
            lock (_gate)
            {
                while (_memory is null && !_ends)
                {
                    Monitor.Wait(_gate);
                }

                if (_ends)
                {
                    return;
                }

                for (int i = 0; i < 200; i++)
                {
                    Scribble(_memory!, AnyPiece());
                }
            }

            // Whoever wants to stop this gets the lock.
            Thread.Yield();
        }
    }

    /// <summary>Mostly one of a frame's first pieces, where the headers are.</summary>
    private GuestBuffer AnyPiece()
    {
        GuestBuffer[] chain = _chains[_random.Next(_chains.Count)];
        return chain[_random.Next(_random.OneIn(2) ? Math.Min(chain.Length, 3) : chain.Length)];
    }

    private void Scribble(GuestMemory memory, GuestBuffer piece)
    {
        if (!MayWrite(memory, piece))
        {
            return;
        }

        int reach = Math.Min((int)piece.Length, _random.Next(4) switch { 0 or 1 => 12, 2 => 100, _ => int.MaxValue });
        memory.Write(piece.Address + (ulong)_random.Next(reach), [_random.OneIn(4) ? (byte)_random.Next(256) : _random.Pick<byte>(s_bytes)]);
    }
}
