using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Tests.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Virtqueues;

/// <summary>Memory that a front end grants for reading only (vhost-user IOTLB permissions) is not written, however a chain leads there.</summary>
public sealed class ReadOnlyWindowTests
{
    private const ulong Modern = VirtioFeatures.VERSION_1 | VirtioFeatures.ACCESS_PLATFORM;

    /// <summary>The table lies in the same window as the buffer that its entry names: that it could be read says nothing about the buffer.</summary>
    [Theory]
    [InlineData(0UL)]
    [InlineData(VirtioFeatures.RING_PACKED)]
    public void ATableInAReadOnlyWindowNamesNoBufferToWrite(ulong format)
    {
        ulong features = Modern | VirtioFeatures.INDIRECT_DESC | format;
        using var pair = new RingPair(features);
        var space = new AddressSpace(pair.Memory.ToAddressSpace().Windows.Select(w => w with { Writable = false }));
        using Virtqueue device = VirtqueueFactory.Create(pair.Layout with { Buffers = space }, pair.Driver.StartBase);
        var missed = new List<(ulong Address, bool Write)>();
        device.Enabled = true;
        device.IotlbMissed = (address, write) =>
        {
            missed.Add((address, write));
            return false;
        };
        ulong buffer = pair.Memory.Allocate(4096);
        Assert.True(pair.Driver.Add([new GuestBuffer(buffer, 4096, true)], cookie: 1, indirect: true) >= 0);
        pair.Driver.Publish();
        Assert.Equal(1, device.Peek(pair.Burst, 1, ChainDirection.Writable));
        Assert.True(pair.Burst[0].IsMalformed);
        Assert.Equal(ChainStatus.BadAddress, device.LastError);
        Assert.Equal([(buffer, true)], missed);

        // The same chain for reading is good.
        Assert.True(pair.Driver.Add([new GuestBuffer(buffer, 4096, false)], cookie: 2, indirect: true) >= 0);
        pair.Driver.Publish();
        device.Complete(1);
        Assert.Equal(1, device.Peek(pair.Burst, 1, ChainDirection.Readable));
        Assert.False(pair.Burst[0].IsMalformed);
        Assert.Equal(4096u, pair.Burst[0].TotalLength);
    }
}
