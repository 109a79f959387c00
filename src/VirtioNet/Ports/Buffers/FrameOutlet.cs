using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// Carries frames that were queued by any thread into the network, from one thread: a ring and the bottom half that empties it. Frames that the network holds
/// back stay in the ring, and the bottom half is what the receiver schedules when it can take more.
/// </summary>
internal sealed class FrameOutlet : IDisposable
{
    private readonly Port _port;
    private readonly AioContext _context;
    private readonly Func<FrameBurst, int, BottomHalf?, int> _forward;
    private readonly Action? _roomMade;
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _bottomHalf;

    /// <summary>Creates an outlet.</summary>
    /// <param name="port">The port that the frames come in by; its Received counters are kept here.</param>
    /// <param name="context">Where the frames are forwarded.</param>
    /// <param name="capacity">Bytes of the ring.</param>
    /// <param name="forward">The port's way into its network.</param>
    /// <param name="roomMade">Called on the context's thread after frames left the ring.</param>
    public FrameOutlet(Port port, AioContext context, int capacity, Func<FrameBurst, int, BottomHalf?, int> forward, Action? roomMade = null)
    {
        _port = port;
        _context = context;
        _forward = forward;
        _roomMade = roomMade;
        Ring = new FrameRing(capacity);
        _bottomHalf = context.CreateBottomHalf(Run, $"{port.Name}.out");
    }

    /// <summary>The queue.</summary>
    public FrameRing Ring { get; }

    /// <summary>Has the queued frames forwarded soon. Any thread.</summary>
    public void Kick() => _bottomHalf.Schedule();

    /// <summary>Stops forwarding and frees the ring. No producer may be left. The context's thread must run, or be the calling one.</summary>
    public void Dispose()
    {
        _context.RunOnHomeThread(_bottomHalf.Delete);
        Ring.Dispose();
        _burst.Dispose();
    }

    private void Run()
    {
        int count = _port.IsFaulted ? 0 : Ring.Peek(_burst, FrameBurst.FramesMax);
        if (count == 0)
        {
            return;
        }

        int done = _forward(_burst, 0, _bottomHalf);
        _port.Received.CountForwarded(_burst, done);
        Ring.Release(done);
        _roomMade?.Invoke();
        if (done == count)
        {
            // Anything queued meanwhile; an empty ring ends it.
            _bottomHalf.Schedule();
        }
    }
}
