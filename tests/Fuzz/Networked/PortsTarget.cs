using VhostNet.Aio;
using VhostNet.Fuzz.Frames;
using VhostNet.TestKit;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Pcap;
using VhostNet.VirtioNet.Ports.Responder;
using VhostNet.VirtioNet.Ports.Stream;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.Fuzz.Networked;

/// <summary>
/// A guest on a wire with a port that has a parser or a peer of its own: user (cut off from the host), stream, responder, pcap. Frames, peers and files contradict themselves. The loop must come to
/// rest, nothing may escape from it or end a port, and a pair of guests on the same loop is served.
/// </summary>
internal sealed class PortsTarget : FuzzTarget
{
    private readonly Loop _loop = new();
    private readonly TestDirectory _directory = new();
    private readonly LoopGuest _guest;
    private readonly WirePair _innocents;
    private readonly InterposedPort.Meddler? _fault;
    private int _number;

    /// <param name="fault">What the port in front of the guest does; null for nothing.</param>
    public PortsTarget(InterposedPort.Meddler? fault = null)
    {
        _fault = fault;
        (_guest, _innocents) = OnLoop(() => (new LoopGuest("guest", _loop.Thread, slots: 64), new WirePair(_loop)));
    }

    /// <summary>A port may begin something on a thread of its own, which ends when it likes.</summary>
    protected override int CountEvery => IsVerbose ? 1 : 512;

    public override void Within(Action action) => _loop.Run(action);

    public override void Dispose()
    {
        _loop.Run(() =>
        {
            _innocents.Dispose();
            _guest.Dispose();
        });
        _loop.Dispose();
        _directory.Dispose();
    }

    protected override void Attack(Random random)
    {
        var wire = new WireNetwork("wire");
        using InterposedPort? joined = _fault is null ? null : new InterposedPort(_guest.Port, _fault);
        Port guest = joined ?? (Port)_guest.Port;
        _guest.StartFresh();
        int kind = random.Next(4);
        string path = _directory.File($"{_number++}");
        try
        {
            using Port port = Make(random, kind, path);
            wire.Attach(guest);
            wire.Attach(port);
            try
            {
                port.Start();
                using StreamPeer? peer = kind == 1 ? new StreamPeer(path, _loop) : null;
                for (int rounds = random.Next(1, 6); rounds > 0; rounds--)
                {
                    peer?.Harm(random);
                    SendFrames(random);
                    _loop.Settle();
                    _guest.Rings.OfferBuffers();
                }

                CheckPorts([_guest.Port, port, .. (joined is null ? (Port[])[] : [joined])]);
            }
            finally
            {
                wire.Detach(guest);
                wire.Detach(port);
            }
        }
        catch (Exception e) when (e is PortException or ArgumentException)
        {
            // The port refuses to be like this.
        }
        finally
        {
            _guest.Stop();
            File.Delete(path);
        }
    }

    protected override void CheckAftermath() => _innocents.Exchange();

    /// <exception cref="FuzzException">A callback of one of the ports threw.</exception>
    private static void CheckPorts(Port[] ports)
    {
        if (ports.FirstOrDefault(p => p.IsFaulted) is { } port)
        {
            throw new FuzzException($"{port.Name} went down: {port.FaultReason}");
        }
    }

    private Port Make(Random random, int kind, string path)
    {
        AioContext context = _loop.Thread.Context;
        switch (kind)
        {
            case 0:
                return new UserPort("user", new UserOptions { Restrict = true, HostLoopback = false, IPv6 = random.OneIn(2) }, context);
            case 1:
                return new StreamPort("stream", new StreamOptions { Endpoint = SocketEndpoint.OfPath(path), Listen = true }, context);
            case 2:
                return new ResponderPort(
                    "responder",
                    new ResponderOptions
                    {
                        Dns = [.. Enumerable.Range(1, random.OneIn(4) ? random.Next(128) : random.Next(4)).Select(i => new System.Net.IPAddress((byte[])[10, 0, 3, (byte)i]))],
                        Mtu = random.Pick(0, 68, 1500, 65535),
                        LeaseCount = random.Pick(1, 2, 128),
                    },
                    context);
            default:
                File.WriteAllBytes(path, CaptureFiles.Any(random));
                return new PcapPort("pcap", new PcapOptions { Replay = path, Speed = random.Pick(0.0, 0.1, 1, 1_000_000), Loops = random.Next(1, 4) }, context);
        }
    }

    private void SendFrames(Random random)
    {
        for (int count = random.Next(1, 16); count > 0; count--)
        {
            _guest.Rings.TrySend(PeerFrames.Any(random));
        }

        _guest.Rings.Kick();
    }

    private T OnLoop<T>(Func<T> function)
    {
        T? result = default;
        _loop.Run(() => result = function());
        return result!;
    }
}
