using VhostNet.Aio;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>Sequenced, checksummed frames at full rate through the real data path and threads: none lost, doubled, reordered or altered.</summary>
public sealed class SoakTests
{
    public static TheoryData<string, ulong, PollPolicy> Cases()
    {
        const ulong modern = VirtioFeatures.VERSION_1;
        var data = new TheoryData<string, ulong, PollPolicy>();
        foreach (PollPolicy policy in new[] { PollPolicy.Interrupt, PollPolicy.Adaptive, PollPolicy.Busy })
        {
            data.Add("split", modern | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.INDIRECT_DESC, policy);
            data.Add("split-eventidx", modern | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.EVENT_IDX, policy);
            data.Add("packed", modern | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.RING_PACKED | VirtioFeatures.INDIRECT_DESC, policy);
            data.Add("packed-eventidx", modern | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.RING_PACKED | VirtioFeatures.EVENT_IDX, policy);
        }

        data.Add("split-legacy", 0, PollPolicy.Adaptive);
        data.Add("split-nomrg", modern, PollPolicy.Interrupt);
        data.Add("packed-nomrg-inorder", modern | VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER, PollPolicy.Busy);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void HairpinReturnsEveryFrameInOrder(string name, ulong features, PollPolicy policy)
    {
        using var thread = new IoThread(new IoThreadOptions { Name = name, Policy = policy });
        thread.Start();
        using var guest = new GuestRig(name, features, thread);
        new HairpinNetwork(name).Attach(guest.Port);
        guest.Start();
        Soak.Run([new SoakTraffic(guest, guest, seed: 1, frameMax: 9000)], guest);
        Assert.Equal(Soak.Frames, (uint)guest.Port.Pairs[0].Tx.Counters.Frames);
        guest.Stop();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void WireCarriesEveryFrameBothWays(string name, ulong features, PollPolicy policy)
    {
        using var threadA = new IoThread(new IoThreadOptions { Name = name + "A", Policy = policy });
        using var threadB = new IoThread(new IoThreadOptions { Name = name + "B", Policy = policy });
        threadA.Start();
        threadB.Start();
        using var a = new GuestRig("a", features, threadA);

        // The other guest has the other ring layout, so that both meet on one wire.
        using var b = new GuestRig("b", (features ^ (features == 0 ? 0 : VirtioFeatures.RING_PACKED)) & ~VirtioFeatures.IN_ORDER, threadB);
        var wire = new WireNetwork(name);
        wire.Attach(a.Port);
        wire.Attach(b.Port);
        a.Start();
        b.Start();
        Soak.Run([new SoakTraffic(a, b, seed: 2, frameMax: 4000), new SoakTraffic(b, a, seed: 3, frameMax: 1500)], a, b);
        a.Stop();
        b.Stop();
    }

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void RingsWithoutKickDescriptorsArePolled(PollPolicy policy)
    {
        const ulong features = VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF;
        using var thread = new IoThread(new IoThreadOptions { Name = "nokick", Policy = policy });
        thread.Start();
        using var guest = new GuestRig("nokick", features, thread, kicks: false);
        new HairpinNetwork("nokick").Attach(guest.Port);
        guest.Start();
        Soak.Run([new SoakTraffic(guest, guest, seed: 4, frameMax: 3000)], guest);
        guest.Stop();
    }
}
