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
    private readonly Ingress _ingress;
    private readonly Action? _roomMade;
    private readonly FrameBurst _burst = new();
    private readonly BottomHalf _bottomHalf;

    /// <summary>Creates an outlet.</summary>
    /// <param name="port">The port that the frames come in by; its ingress counters are kept here.</param>
    /// <param name="context">Where the frames are forwarded.</param>
    /// <param name="capacity">Bytes of the ring.</param>
    /// <param name="roomMade">Called on the context's thread after frames left the ring.</param>
    public FrameOutlet(Port port, AioContext context, int capacity, Action? roomMade = null)
    {
        _port = port;
        _context = context;
        _ingress = port.Ingress(0);
        _roomMade = roomMade;
        Ring = new FrameRing(capacity);
        _bottomHalf = context.CreateBottomHalf(Run, $"{port.Name}.ingress");
    }

    /// <summary>The queue.</summary>
    public FrameRing Ring { get; }

    /// <summary>Has the queued frames forwarded soon. Any thread.</summary>
    public void Kick() => _bottomHalf.Schedule();

    /// <summary>Forwards what is queued, as far as receivers take it. The context's thread must run, or be the calling one.</summary>
    public void Drain() => _context.RunOnHomeThread(() =>
    {
        while (Forward())
        {
        }
    });

    /// <summary>Stops forwarding and frees the ring. No producer may be left. The context's thread must run, or be the calling one.</summary>
    public void Dispose()
    {
        _context.RunOnHomeThread(_bottomHalf.Delete);
        Ring.Dispose();
        _burst.Dispose();
    }

    private void Run()
    {
        if (Forward())
        {
            // Anything queued meanwhile; an empty ring ends it.
            _bottomHalf.Schedule();
        }
    }

    /// <summary>One burst; true when the network took all of it.</summary>
    private bool Forward()
    {
        int count = _port.IsFaulted ? 0 : Ring.Peek(_burst, FrameBurst.FramesMax);
        if (count == 0)
        {
            return false;
        }

        int done = _ingress.Forward(_burst, _bottomHalf);
        _port.IngressCounters.CountForwarded(_burst, done);
        Ring.Release(done);
        _roomMade?.Invoke();
        return done == count;
    }
}
