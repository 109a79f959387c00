using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using VhostNet.VirtioNet.Networks.Switch;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

/// <summary>Flows that are remembered go where they would go if they were looked up anew.</summary>
public sealed class SwitchFlowTests
{
    private const int Ports = 5;
    private const int Stations = 12;

    // Ports 0 to 2 are access ports of VLAN 1, the others trunks whose untagged frames belong to it too.
    private static readonly SwitchPortOptions s_access = new() { Mode = SwitchVlanMode.Access, AccessVlan = 1 };
    private static readonly SwitchPortOptions s_trunk = new() { Mode = SwitchVlanMode.Trunk, NativeVlan = 1 };

    [Fact]
    public void FlowsAreFoundUntilAllAreForgotten()
    {
        using var cache = new SwitchFlowCache();
        Vector128<byte> flow = Vector128.Create((byte)7), other = flow.WithElement(13, (byte)8);
        Assert.Equal(-1, cache.Find(flow, out _));
        cache.Add(flow, 3, 100);
        cache.Add(other, 4, 200);
        Assert.Equal((3, 100), (cache.Find(flow, out ushort vlan), vlan));
        Assert.Equal((4, 200), (cache.Find(other, out vlan), vlan));
        cache.Add(flow, 5, 100);
        Assert.Equal(5, cache.Find(flow, out _));
        cache.Clear();
        Assert.Equal(-1, cache.Find(flow, out _));
        Assert.Equal(-1, cache.Find(other, out _));
    }

    /// <summary>Many more flows than there is room for: each is found as itself or not at all, and most of the last ones are found.</summary>
    [Fact]
    public void FlowsThatMeetAreNeverTakenForEachOther()
    {
        using var cache = new SwitchFlowCache();
        var random = new Random(12);
        var flows = Enumerable.Range(0, 5000).Select(_ => Vector128.Create(random.NextInt64(), random.NextInt64()).AsByte()).ToList();
        for (int i = 0; i < flows.Count; i++)
        {
            cache.Add(flows[i], i, (ushort)(i ^ 0x55));
        }

        int found = 0;
        for (int i = 0; i < flows.Count; i++)
        {
            int slot = cache.Find(flows[i], out ushort vlan);
            Assert.True(slot == -1 || (slot == i && vlan == (ushort)(i ^ 0x55)), $"flow {i} was found as {slot}");
            found += slot == i && i >= flows.Count - 200 ? 1 : 0;
        }

        Assert.InRange(found, 120, 200);
    }

    [Fact]
    public void AStationThatMovesWithinABurstIsFollowedFromThereOn()
    {
        using var net = new SwitchFixture(3);
        net.Announce(1);
        net.Announce(2);
        byte[] one = Frame(Station(0), Station(1)), two = Frame(Station(0), Station(2)), moved = Frame(Station(1), Station(2));
        net.Send(0, one, two, one, moved, one, two);
        Assert.Equal([one, one], net[1].Take());
        Assert.Equal([two, moved, two], net[2].Take());
    }

    /// <summary>Mixed bursts, while stations move, ports go down and up, and time passes, against a few lines that look everything up.</summary>
    [Fact]
    public void MixedFlowsGoWhereTheModelSays()
    {
        var random = new Random(13);
        using var net = new SwitchFixture(0);
        for (int i = 0; i < Ports; i++)
        {
            net.Join(i < 3 ? s_access : s_trunk);
        }

        var table = new Dictionary<(int Vlan, int Station), int>();
        bool[] down = new bool[Ports];
        for (int round = 0; round < 3000; round++)
        {
            Disturb(net, random, table, down);
            int from = Enumerable.Range(0, Ports).Where(p => !down[p]).ElementAt(random.Next(down.Count(d => !d)));
            var frames = new List<byte[]>();
            var expected = Enumerable.Range(0, Ports).Select(_ => new List<byte[]>()).ToArray();
            for (int i = random.Next(1, 60); i > 0; i--)
            {
                // Stations stay where they are but for one frame in a thousand.
                int source = random.Next(1000) == 0 ? random.Next(Stations) : from + (Ports * random.Next(2));
                int tag = from >= 3 && random.Next(2) == 0 ? random.Next(1, 4) : -1;
                byte[] frame = Frame(Station(0, source), Station(0, random.Next(Stations)), tag, $"{i}");
                frames.Add(frame);
                Model(table, down, from, frame, expected);
            }

            net.Send(from, [.. frames]);
            for (int p = 0; p < Ports; p++)
            {
                Assert.Equal(expected[p], net[p].Take());
            }
        }
    }

    private static void Disturb(SwitchFixture net, Random random, Dictionary<(int Vlan, int Station), int> table, bool[] down)
    {
        if (random.Next(40) == 0)
        {
            int port = random.Next(Ports);
            if (down[port] || down.Count(d => !d) > 2)
            {
                down[port] = !down[port];
                net[port].Change(!down[port]);
                foreach ((int Vlan, int Station) gone in table.Where(e => down[port] && e.Value == port).Select(e => e.Key).ToList())
                {
                    table.Remove(gone);
                }
            }
        }

        if (random.Next(100) == 0)
        {
            net.Switch.Tick();
        }
    }

    private static void Model(Dictionary<(int Vlan, int Station), int> table, bool[] down, int from, byte[] frame, List<byte[]>[] expected)
    {
        bool tagged = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == 0x8100;
        int vlan = tagged ? frame[15] : 1;
        byte[] bare = tagged ? [.. frame[..12], .. frame[16..]] : frame;
        byte[] full = [.. bare[..12], 0x81, 0, 0, (byte)vlan, .. bare[12..]];
        table[(vlan, frame[10])] = from;
        bool known = table.TryGetValue((vlan, frame[4]), out int at);
        for (int p = 0; p < Ports; p++)
        {
            if (p != from && !down[p] && (!known || p == at) && (vlan == 1 || p >= 3))
            {
                expected[p].Add(vlan == 1 ? bare : full);
            }
        }
    }
}
