using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Switching;

/// <summary>A switch with fake ports. Port i has stations whose addresses end in i; the clock stands still unless it is moved.</summary>
internal sealed class SwitchFixture : IDisposable
{
    private readonly BurstMemory _memory = new();
    private readonly List<FakePort> _ports = [];

    public SwitchFixture(int ports, SwitchOptions? options = null)
    {
        Switch = new SwitchNetwork("sw", options, clock: Clock);
        for (int i = 0; i < ports; i++)
        {
            Join(new SwitchPortOptions());
        }
    }

    public AioClock Clock { get; } = AioClock.CreateVirtual(1_000_000_000);

    public SwitchNetwork Switch { get; }

    public FakePort this[int port] => _ports[port];

    public BurstMemory Memory => _memory;

    public static byte[] Broadcast => [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

    public static byte[] Multicast => [1, 0, 0x5e, 0, 0, 9];

    public static byte[] Station(int port, int number = 0) => [2, 0, 0, (byte)(number >> 8), (byte)number, (byte)port];

    public static MacAddress Address(int port, int number = 0) => MacAddress.Read(Station(port, number));

    public static byte[] Frame(byte[] from, byte[] to, int tag = -1, string payload = "")
    {
        var builder = new FrameBuilder { Source = from, Destination = to, Payload = System.Text.Encoding.ASCII.GetBytes(payload.PadRight(10)) };
        return (tag < 0 ? builder : builder with { Tags = [(0x8100, (ushort)tag)] }).Finished();
    }

    public FakePort Join(SwitchPortOptions options, Offloads accepts = Offloads.None)
    {
        var port = new FakePort($"p{_ports.Count}", accepts);
        _ports.Add(port);
        Switch.Attach(port, options);
        return port;
    }

    /// <summary>Sends one burst.</summary>
    public void Send(int port, params byte[][] frames)
    {
        _memory.Clear();
        foreach (byte[] frame in frames)
        {
            _memory.Add(default, frame);
        }

        Assert.Equal(frames.Length, this[port].Send(_memory.Burst));
    }

    /// <summary>Lets a station say something to everybody, so that it is known, and forgets who heard it.</summary>
    public void Announce(int port, int number = 0, int tag = -1)
    {
        Send(port, Frame(Station(port, number), Broadcast, tag));
        _ports.ForEach(p => p.Take());
    }

    /// <summary>The numbers of the ports that got something since the last look.</summary>
    public int[] Receivers()
    {
        int[] receivers = [.. Enumerable.Range(0, _ports.Count).Where(i => _ports[i].Frames.Count > 0)];
        _ports.ForEach(p => p.Take());
        return receivers;
    }

    public long Drops(int port, DropReason reason)
    {
        this[port].ReadCounters(out FrameCounters received, out _);
        return received.Drops[(int)reason];
    }

    public void Dispose()
    {
        Switch.Dispose();
        _ports.ForEach(p => p.Dispose());
        _memory.Dispose();
    }
}
