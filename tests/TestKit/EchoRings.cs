using VhostNet.VhostUser.Frontend;

namespace VhostNet.TestKit;

/// <summary>
/// A pair of driver queues on an <see cref="EchoDevice"/>, with buffers, that sends messages of random shape and checks what comes back. A difference is an
/// <see cref="InvalidDataException"/>.
/// </summary>
public sealed class EchoRings : IDisposable
{
    private const int BufferSize = 2048;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    private readonly VhostUserFrontend _frontend;
    private readonly GuestMemory _memory;
    private readonly ulong _receiveArea;
    private readonly ulong _transmitArea;
    private readonly Dictionary<ulong, GuestBuffer[]> _posted = [];
    private readonly Queue<byte[]> _expected = new();
    private readonly Random _random = new(1);

    public EchoRings(VhostUserFrontend frontend, GuestMemory memory, int size = 64, int pair = 0)
    {
        _frontend = frontend;
        _memory = memory;
        Receive = frontend.CreateQueue(2 * pair, size);
        Transmit = frontend.CreateQueue((2 * pair) + 1, size);
        _receiveArea = memory.Allocate((ulong)(size * BufferSize), 4096);
        _transmitArea = memory.Allocate((ulong)(size * BufferSize), 4096);
    }

    public DriverQueue Receive { get; }

    public DriverQueue Transmit { get; }

    /// <summary>Use indirect tables, alternating with direct chains.</summary>
    public bool Indirect { get; init; }

    public ulong ReceiveArea => _receiveArea;

    public ulong TransmitArea => _transmitArea;

    public long Returned { get; private set; }

    public void Start()
    {
        _frontend.StartQueue(Receive);
        _frontend.StartQueue(Transmit);
    }

    public void Stop()
    {
        _frontend.StopQueue(Receive);
        _frontend.StopQueue(Transmit);
    }

    /// <summary>Forgets what is under way, after the rings were reset.</summary>
    public void Forget()
    {
        _posted.Clear();
        _expected.Clear();
    }

    /// <summary>Sends <paramref name="count"/> messages of random shape, waits for all of them to come back, and checks each byte.</summary>
    public void Exchange(int count)
    {
        while (count > 0)
        {
            int burst = Math.Min(count, _random.Next(1, Receive.Size / 4));
            for (int i = 0; i < burst; i++)
            {
                Post();
                Send();
            }

            Receive.Publish();
            Receive.KickIfWanted();
            Transmit.Publish();
            Transmit.KickIfWanted();
            Await(burst);
            count -= burst;
        }
    }

    /// <summary>Waits for <paramref name="count"/> messages and their transmit chains, and checks them.</summary>
    public void Await(int count)
    {
        var used = new UsedChain[count];
        int received = Receive.WaitForUsed(used, s_timeout);
        Expect(received == count, $"{received} of {count} messages came back; {Receive.Outstanding} receive and {Transmit.Outstanding} transmit chains are outstanding");
        foreach (UsedChain chain in used)
        {
            Expect(_posted.Remove(chain.Cookie, out GuestBuffer[]? buffers), $"a chain came back that was not posted: {chain}");
            byte[] all = [.. buffers!.SelectMany(b => _memory.Bytes(b.Address, (int)b.Length).ToArray())];
            byte[] expected = _expected.Dequeue();
            Expect(chain.Length == expected.Length, $"a message of {expected.Length} bytes came back with {chain.Length}");
            Expect(all.AsSpan(0, expected.Length).SequenceEqual(expected), $"a message of {expected.Length} bytes came back with other content");
        }

        int sent = Transmit.WaitForUsed(used, s_timeout);
        Expect(sent == count, $"{sent} of {count} transmit chains were given back");
        Returned += count;
    }

    /// <summary>Offers one receive chain of one to three buffers.</summary>
    public void Post()
    {
        ulong at = _receiveArea + ((ulong)Receive.Outstanding * BufferSize) + (Returned % 2 == 0 ? 0UL : 8);
        GuestBuffer[] buffers = Shape(FreeArea(at), 1500, true);
        Expect(Receive.Add(buffers, buffers[0].Address, UseIndirect()) >= 0, "the receive ring is full");
        _posted.Add(buffers[0].Address, buffers);
    }

    /// <summary>Offers one transmit chain of one to three buffers with random content.</summary>
    public void Send()
    {
        GuestBuffer[] buffers = Shape(_transmitArea + ((ulong)Transmit.Outstanding * BufferSize), _random.Next(3, 1500), false);
        var content = new List<byte>();
        foreach (GuestBuffer buffer in buffers)
        {
            Span<byte> bytes = _memory.Bytes(buffer.Address, (int)buffer.Length);
            _random.NextBytes(bytes);
            content.AddRange(bytes);
        }

        Expect(Transmit.Add(buffers, 0, UseIndirect()) >= 0, "the transmit ring is full");
        _expected.Enqueue([.. content]);
    }

    public void Dispose()
    {
        Receive.Dispose();
        Transmit.Dispose();
    }

    private static void Expect(bool condition, string problem)
    {
        if (!condition)
        {
            throw new InvalidDataException(problem);
        }
    }

    private bool UseIndirect() => Indirect && _random.Next(2) == 0;

    /// <summary>A place whose chain is not posted: chains come back in order, so the next one after the last is free, going round.</summary>
    private ulong FreeArea(ulong wanted)
    {
        while (_posted.ContainsKey(wanted))
        {
            wanted = _receiveArea + ((wanted - _receiveArea + BufferSize) % (ulong)(Receive.Size * BufferSize));
        }

        return wanted;
    }

    private GuestBuffer[] Shape(ulong at, int length, bool writable)
    {
        int first = _random.Next(1, length - 1), second = _random.Next(1, length - first);
        return _random.Next(3) switch
        {
            0 => [new GuestBuffer(at, (uint)length, writable)],
            1 => [new GuestBuffer(at, (uint)first, writable), new GuestBuffer(at + (ulong)first, (uint)(length - first), writable)],
            _ =>
            [
                new GuestBuffer(at, (uint)first, writable), new GuestBuffer(at + (ulong)first, (uint)second, writable),
                new GuestBuffer(at + (ulong)(first + second), (uint)(length - first - second), writable),
            ],
        };
    }
}
