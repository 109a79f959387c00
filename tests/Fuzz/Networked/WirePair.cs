using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Fuzz.Networked;

/// <summary>Two innocent guests on a wire, on the loop of an attack.</summary>
internal sealed class WirePair : IDisposable
{
    private readonly Loop _loop;
    private readonly LoopGuest _from, _to;
    private readonly WireNetwork _wire = new("innocent wire");
    private byte _number;

    public WirePair(Loop loop)
    {
        _loop = loop;
        (_from, _to) = (new LoopGuest("innocent 1", loop.Thread), new LoopGuest("innocent 2", loop.Thread));
        _wire.Attach(_from.Port);
        _wire.Attach(_to.Port);
        _from.StartFresh();
        _to.StartFresh();
    }

    /// <summary>Sends a frame and takes it at the other end.</summary>
    /// <exception cref="FuzzException">It does not come, or not as it was sent.</exception>
    public void Exchange()
    {
        byte[] frame = Packets.Broadcast();
        frame[20] = ++_number;
        _from.Rings.TrySend(frame);
        _from.Rings.Kick();
        _loop.Settle();
        if (_to.Rings.Receive() is not { } came || !came.AsSpan().SequenceEqual(frame))
        {
            throw new FuzzException("the innocent pair on the same loop lost a frame");
        }
    }

    public void Dispose()
    {
        _wire.Detach(_from.Port);
        _wire.Detach(_to.Port);
        _from.Dispose();
        _to.Dispose();
    }
}
