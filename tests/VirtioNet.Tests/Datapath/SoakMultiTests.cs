using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>The soak with more than two rings: four queue pairs on two threads, and three guests on a switch.</summary>
public sealed class SoakMultiTests
{
    private const int Pairs = 4;

    /// <summary>Frames on their way to one receiver of a switch: even if each needs the smallest buffers, there are enough for all of them.</summary>
    private const uint SwitchWindow = 16;

    public static TheoryData<string, ulong, PollPolicy> Cases()
    {
        const ulong modern = VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF;
        var data = new TheoryData<string, ulong, PollPolicy>();
        foreach (PollPolicy policy in Enum.GetValues<PollPolicy>())
        {
            data.Add("split", modern | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX, policy);
            data.Add("packed", modern | VirtioFeatures.RING_PACKED | VirtioFeatures.INDIRECT_DESC, policy);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void HairpinKeepsFourQueuePairsApart(string name, ulong features, PollPolicy policy)
    {
        using IoThread one = StartThread("one", policy);
        using IoThread two = StartThread("two", policy);
        using var guest = new GuestRig(name, features | VirtioNetFeatures.MQ, [one, two], Pairs);
        new HairpinNetwork(name).Attach(guest.Port);
        guest.Start();
        Soak.Run([.. Enumerable.Range(0, Pairs).Select(pair => new SoakTraffic(guest, guest, seed: 10 + pair, frameMax: 3000, pair))], guest);
        guest.Stop();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void WireCarriesFourQueuePairsBothWays(string name, ulong features, PollPolicy policy)
    {
        using IoThread one = StartThread("one", policy);
        using IoThread two = StartThread("two", policy);
        using var a = new GuestRig("a", features | VirtioNetFeatures.MQ, [one, two], Pairs);
        using var b = new GuestRig("b", (features ^ VirtioFeatures.RING_PACKED) | VirtioNetFeatures.MQ, [two, one], Pairs);
        var wire = new WireNetwork(name);
        wire.Attach(a.Port);
        wire.Attach(b.Port);
        a.Start();
        b.Start();
        Soak.Run(
            [
                .. Enumerable.Range(0, Pairs).Select(pair => new SoakTraffic(a, b, seed: 20 + pair, frameMax: 2000, pair)),
                .. Enumerable.Range(0, Pairs).Select(pair => new SoakTraffic(b, a, seed: 30 + pair, frameMax: 1500, pair)),
            ],
            a,
            b);
        a.Stop();
        b.Stop();
    }

    /// <summary>Round and round between three guests, two of them on one thread; one has the other ring layout.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void SwitchCarriesEveryFrameBetweenThreeGuests(string name, ulong features, PollPolicy policy)
    {
        using IoThread one = StartThread("one", policy);
        using IoThread two = StartThread("two", policy);
        using var network = new SwitchNetwork(name);
        using var a = new GuestRig("a", features, one);
        using var b = new GuestRig("b", features ^ VirtioFeatures.RING_PACKED, two);
        using var c = new GuestRig("c", features, one);
        GuestRig[] guests = [a, b, c];
        for (int i = 0; i < guests.Length; i++)
        {
            network.Attach(guests[i].Port, new SwitchPortOptions { StaticMacs = [(0, new MacAddress(Address(i)))] });
            guests[i].Start();
        }

        Soak.Run([.. Enumerable.Range(0, guests.Length).Select(Direction)], guests);
        foreach (GuestRig guest in guests)
        {
            Assert.Equal(0, guest.Port.Pairs[0].Rx.Counters.DroppedTotal);
            guest.Stop();
            network.Detach(guest.Port);
        }

        SoakTraffic Direction(int from)
        {
            int to = (from + 1) % guests.Length;
            return new SoakTraffic(guests[from], guests[to], seed: 40 + from, frameMax: 1500) { Addresses = (Address(from), Address(to)), Window = SwitchWindow };
        }
    }

    private static ulong Address(int guest) => 0x0200_0000_0001UL + (ulong)guest;

    private static IoThread StartThread(string name, PollPolicy policy)
    {
        var thread = new IoThread(new IoThreadOptions { Name = name, Policy = policy });
        thread.Start();
        return thread;
    }
}
