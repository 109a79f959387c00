using System.Buffers.Binary;
using System.Diagnostics;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>
/// Two guests on a wire. One sends numbered frames at a steady pace that takes a small part of the thread, the other looks whether each came, in order. Frames
/// that are due while a window of them is under way already are not sent, so that a thread that stops for longer than the window lasts costs rate.
/// </summary>
internal sealed class InnocentPair : IDisposable
{
    /// <summary>Frames per second.</summary>
    public const int Pace = 10_000;

    /// <summary>Frames under way at most: 25 ms of them.</summary>
    private const int Window = 250;

    private const int RingSize = 512, BufferSize = 256, FrameSize = 80;
    private const int NumberOffset = 12 + 14;

    private readonly GuestMemory _memory;
    private readonly VhostUserFrontend _sender, _receiver;
    private readonly DriverQueue _tx, _rx, _idleRx, _idleTx;
    private readonly UsedChain[] _used = new UsedChain[64];
    private readonly Stack<ulong> _free = new();
    private readonly Thread _thread;
    private volatile bool _ends, _stopsSending;
    private long _sent, _received, _longestGap;
    private string? _finding;

    public InnocentPair(string senderSocket, string receiverSocket)
    {
        var options = new FrontendOptions { Features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES, Timeout = TimeSpan.FromSeconds(20) };
        _memory = GuestMemory.Create(4 << 20, 0x1_0000_0000);
        _sender = VhostUserFrontend.Connect(senderSocket, options, options.Timeout);
        _receiver = VhostUserFrontend.Connect(receiverSocket, options, options.Timeout);
        (_idleRx, _tx) = Open(_sender);
        (_rx, _idleTx) = Open(_receiver);
        for (int i = 0; i < Window; i++)
        {
            ulong address = _memory.Allocate(FrameSize);
            byte[] frame = new byte[FrameSize];
            FrameAddressesOf(frame.AsSpan(12));
            _memory.Write(address, frame);
            _free.Push(address);
        }

        for (int i = 0; i < RingSize; i++)
        {
            _rx.AddBatch([new GuestBuffer(_memory.Allocate(BufferSize), BufferSize, true)]);
        }

        _rx.Publish();
        _rx.KickIfWanted();
        _thread = new Thread(Main) { Name = "innocents", IsBackground = true, Priority = ThreadPriority.AboveNormal };
    }

    /// <summary>Frames that arrived so far.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>A frame that was lost, doubled or out of order; null while none was.</summary>
    public string? Finding => Volatile.Read(ref _finding);

    /// <summary>The longest time between two arrivals since the last look, in milliseconds.</summary>
    public double TakeLongestGap() => Stopwatch.GetElapsedTime(0, Interlocked.Exchange(ref _longestGap, 0)).TotalMilliseconds;

    public void Start() => _thread.Start();

    /// <summary>Stops sending and waits for what is under way.</summary>
    /// <returns>How many frames never came.</returns>
    public long Drain(TimeSpan patience)
    {
        _stopsSending = true;
        long start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref _sent) != Received && Stopwatch.GetElapsedTime(start) < patience)
        {
            _ = poll([], 5);
        }

        return Volatile.Read(ref _sent) - Received;
    }

    public void Dispose()
    {
        _ends = true;
        if (_thread.ThreadState != System.Threading.ThreadState.Unstarted)
        {
            _thread.Join();
        }

        _sender.Dispose();
        _receiver.Dispose();
        foreach (DriverQueue queue in (DriverQueue[])[_tx, _rx, _idleRx, _idleTx])
        {
            queue.Dispose();
        }

        _memory.Dispose();
    }

    private static void FrameAddressesOf(Span<byte> frame)
    {
        ReadOnlySpan<byte> addresses = [2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 1, 0x88, 0xb5];
        addresses.CopyTo(frame);
    }

    private (DriverQueue Rx, DriverQueue Tx) Open(VhostUserFrontend frontend)
    {
        frontend.Negotiate();
        frontend.ShareMemory(_memory);
        DriverQueue rx = frontend.CreateQueue(0, RingSize), tx = frontend.CreateQueue(1, RingSize);
        rx.DisableCalls();
        tx.DisableCalls();
        frontend.StartQueue(rx);
        frontend.StartQueue(tx);
        return (rx, tx);
    }

    private void Main()
    {
        long start = Stopwatch.GetTimestamp(), last = start, skipped = 0;
        while (!_ends)
        {
            long now = Stopwatch.GetTimestamp();
            long due = (long)((double)(now - start) / Stopwatch.Frequency * Pace) - _sent - skipped;
            if (due > _free.Count)
            {
                Reap();
                skipped += Math.Max(0, due - _free.Count);
            }

            if (!_stopsSending)
            {
                Send((int)Math.Min(due, _free.Count));
            }

            Reap();
            long before = _received;
            Collect();
            now = Stopwatch.GetTimestamp();
            _longestGap = Math.Max(_longestGap, now - last);
            last = _received != before || _sent == _received ? now : last;
            _ = poll([], 1);
        }
    }

    private void Send(int count)
    {
        for (int i = 0; i < count; i++)
        {
            ulong address = _free.Pop();
            BinaryPrimitives.WriteInt64LittleEndian(_memory.Bytes(address + NumberOffset, 8), _sent);
            _tx.AddBatch([new GuestBuffer(address, FrameSize, false)]);
            _sent++;
        }

        if (count > 0)
        {
            _tx.Publish();
            _tx.KickIfWanted();
        }
    }

    private void Reap()
    {
        for (int count; (count = _tx.CollectUsed(_used)) > 0;)
        {
            foreach (UsedChain used in _used.AsSpan(0, count))
            {
                _free.Push(used.Cookie);
            }
        }
    }

    private void Collect()
    {
        for (int count; (count = _rx.CollectUsed(_used)) > 0;)
        {
            foreach (UsedChain used in _used.AsSpan(0, count))
            {
                long number = BinaryPrimitives.ReadInt64LittleEndian(_memory.Bytes(used.Cookie + NumberOffset, 8));
                if ((number != _received || used.Length != FrameSize) && _finding is null)
                {
                    _finding = $"frame {_received} was to come over the wire, and frame {number} of {used.Length} bytes came";
                }

                _received = number + 1;
                _rx.AddBatch([new GuestBuffer(used.Cookie, BufferSize, true)]);
            }

            _rx.Publish();
            _rx.KickIfWanted();
        }
    }
}
