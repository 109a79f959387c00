using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.InProcess;

/// <summary>One guest sends, others receive, through a wire or a switch. Each arrival is a unit: a flood to sixteen ports makes sixteen of each frame.</summary>
internal class NetworkRig : Rig
{
    private readonly FrameSender[] _bursts;
    private readonly int _copies;
    private readonly Network _network;
    private int _next;

    /// <summary>Joins the guests and lets a switch learn their addresses.</summary>
    /// <param name="network">An empty network.</param>
    /// <param name="ports">Guests, the sender among them.</param>
    /// <param name="macsPerPort">Addresses of each guest.</param>
    /// <param name="shape">The guests' shape.</param>
    /// <param name="fill">Writes the frame of a number.</param>
    /// <param name="copies">Receivers of each frame.</param>
    /// <param name="receiver">The receivers' shape, if it is another one.</param>
    /// <param name="bursts">Different sets of frames that are sent by turns; their numbers go on from one to the next.</param>
    public NetworkRig(
        Network network, int ports, int macsPerPort, GuestShape shape, Action<int, Span<byte>> fill, int copies = 1, GuestShape? receiver = null, int bursts = 1)
    {
        _network = network;
        _copies = copies;
        for (int i = 0; i < ports; i++)
        {
            network.Attach(Add($"guest{i}", i == 0 ? shape : receiver ?? shape).Port);
        }

        foreach (BenchGuest guest in Guests)
        {
            guest.Start();
        }

        for (int i = 0; network is SwitchNetwork && i < ports; i++)
        {
            Introduce(i, macsPerPort);
        }

        _bursts = new FrameSender[bursts];
        for (int i = 0; i < bursts; i++)
        {
            int first = i * shape.InFlight;
            _bursts[i] = new FrameSender(Guests[0], shape, (number, frame) => fill(first + number, frame));
        }
    }

    protected override long Arrived
    {
        get
        {
            long frames = 0;
            for (int i = 1; i < Guests.Count; i++)
            {
                frames += Guests[i].Received;
            }

            return frames;
        }
    }

    protected override int Offer() => _bursts[_next++ % _bursts.Length].Offer() * _copies;

    protected override void RunBackend() => Guests[0].RunBackend();

    protected override void Collect()
    {
        Guests[0].CollectSent();
        for (int i = 0; i < Guests.Count; i++)
        {
            Guests[i].CollectReceived();
        }
    }

    public override void Dispose()
    {
        // Its ports leave it before they go.
        (_network as IDisposable)?.Dispose();
        base.Dispose();
    }

    /// <summary>Has a guest send one frame from each of its addresses.</summary>
    private void Introduce(int port, int macs)
    {
        BenchGuest guest = Guests[port];
        var hello = new FrameSender(guest, new GuestShape { InFlight = macs }, (i, frame) => Frames.Write(frame, Frames.Address(port, i), Frames.Address(port, i)));
        hello.Offer();
        guest.RunBackend();
        guest.CollectSent();
        foreach (BenchGuest receiver in Guests)
        {
            receiver.CollectReceived();
        }
    }
}
