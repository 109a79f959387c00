using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Tests.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Virtqueues;

/// <summary>A packed descriptor is read after the flags that make it available (virtio 1.3 section 2.8.21.1), or what is read is the one of the lap before.</summary>
public sealed class PackedOrderTests
{
    private const int Chains = 1_000_000;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);

    /// <summary>Two slots, a driver on another processor that fills each as soon as it is free, and buffers in an order in which no slot holds the same one twice running.</summary>
    [Fact]
    public async Task NoDescriptorIsThatOfTheLapBefore()
    {
        using var pair = new RingPair(VirtioFeatures.VERSION_1 | VirtioFeatures.RING_PACKED, size: 2);
        ulong first = pair.Memory.Allocate(4096);
        GuestBuffer[] buffers = [.. Enumerable.Range(0, 7).Select(i => new GuestBuffer(first + (ulong)(i * 256), (uint)(16 + i), false))];
        nint host = pair.Memory.HostAddress(first);
        Task driver = Task.Factory.StartNew(() => Offer(pair.Driver, buffers), TaskCreationOptions.LongRunning);
        long wrong = 0;
        var wait = default(SpinWait);
        for (int i = 0; i < Chains;)
        {
            int count = pair.Device.Peek(pair.Burst, 1, ChainDirection.Readable);
            if (count == 0)
            {
                Assert.False(driver.IsFaulted, $"{driver.Exception}");
                wait.SpinOnce(sleep1Threshold: -1);
                continue;
            }

            GuestBuffer expected = buffers[i++ % buffers.Length];
            if (pair.Burst[0].Address - host != (nint)(expected.Address - first) || pair.Burst[0].Length != expected.Length)
            {
                wrong++;
            }

            pair.Device.Complete(1);
            wait.Reset();
        }

        Assert.Equal(0, wrong);
        await driver.WaitAsync(s_limit);
    }

    private static void Offer(DriverQueue driver, GuestBuffer[] buffers)
    {
        var used = new UsedChain[2];
        var wait = default(SpinWait);
        for (int i = 0; i < Chains;)
        {
            if (driver.Add([buffers[i % buffers.Length]]) >= 0)
            {
                driver.Publish();
                i++;
                wait.Reset();
            }
            else if (driver.CollectUsed(used) == 0)
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
        }
    }
}
