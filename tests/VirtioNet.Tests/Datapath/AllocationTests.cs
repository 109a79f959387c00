using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>The data path allocates nothing, whatever the layout, also with chains of several descriptors and when the receiver runs out of buffers.</summary>
public sealed class AllocationTests
{
    [Theory]
    [InlineData("split", VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.INDIRECT_DESC)]
    [InlineData("split-eventidx", VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.EVENT_IDX)]
    [InlineData("packed", VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF | VirtioFeatures.RING_PACKED)]
    public void TransmitToReceiveAllocatesNothing(string name, ulong features)
    {
        using var thread = new IoThread(new IoThreadOptions { Name = name, Policy = PollPolicy.Interrupt });
        thread.Start();
        using var guest = new GuestRig(name, features, thread);
        new HairpinNetwork(name).Attach(guest.Port);
        ulong txBuffer = guest.Memory.Allocate(4096);
        ulong rxBuffer = guest.Memory.Allocate(4096);
        guest.Start();
        var used = new UsedChain[256];
        GuestBuffer[] single = [new GuestBuffer(txBuffer, 300, false)];
        GuestBuffer[] parts = [new GuestBuffer(txBuffer, 5, false), new GuestBuffer(txBuffer + 5, 90, false), new GuestBuffer(txBuffer + 95, 900, false)];
        GuestBuffer[] receive = [new GuestBuffer(rxBuffer, 256, true)];
        long Turn()
        {
            for (int i = 0; i < 20; i++)
            {
                guest.Tx.Add(i % 2 == 0 ? single : parts);
                guest.Rx.Add(receive);
            }

            guest.Tx.Publish();
            guest.Rx.Publish();
            long allocated = 0;
            thread.Run(() =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                guest.Port.Pairs[0].Tx.Run();
                allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            });
            guest.Tx.CollectUsed(used);
            guest.Rx.CollectUsed(used);
            return allocated;
        }

        Turn();
        long total = 0;
        for (int i = 0; i < 200; i++)
        {
            total += Turn();
        }

        Assert.Equal(0, total);
        Assert.True(guest.Port.Pairs[0].Rx.Counters.Frames > 1000);
    }
}
