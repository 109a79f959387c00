using VhostNet.Aio;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Tests.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>What works on a device's ring, with a driver on the other side and no session.</summary>
public sealed class DeviceQueueTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private readonly IoThread _thread = new(new IoThreadOptions { Name = "device", Policy = PollPolicy.Interrupt });
    private readonly RingPair _ring = new(RingFeatures.Parse("event"), size: 64);
    private readonly ulong _buffer;
    private volatile bool _mayServe = true;
    private long _allocated = -1;
    private long _calls;

    public DeviceQueueTests()
    {
        _thread.Start();
        _buffer = _ring.Memory.Allocate(64);
    }

    public void Dispose()
    {
        _thread.Dispose();
        _ring.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AKickOrTheIntervalFindsWhatTheDriverOffers(bool kicked)
    {
        using EventNotifier? kick = kicked ? new EventNotifier(_ring.Driver.Kick.Duplicate()) : null;
        _ring.Device.Kick = kick;
        using DeviceQueue queue = Make();
        queue.Start(_ring.Device);
        for (ulong i = 0; i < 200; i++)
        {
            Assert.True(_ring.Driver.Send([new GuestBuffer(_buffer, 64, true)], i) >= 0);
            Assert.Equal((i, 64u), Take());
        }

        queue.Stop();
        Assert.Null(queue.Ring);
    }

    [Fact]
    public void ADeviceThatWaitsIsAskedAgainWhenItIsWoken()
    {
        using var kick = new EventNotifier(_ring.Driver.Kick.Duplicate());
        _ring.Device.Kick = kick;
        using DeviceQueue queue = Make();
        queue.Start(_ring.Device);
        _mayServe = false;
        _ring.Driver.Send([new GuestBuffer(_buffer, 64, true)], 5);
        _thread.Run(() => { });
        Assert.False(_ring.Driver.HasUsed);
        _mayServe = true;
        queue.Wake();
        Assert.Equal((5UL, 64u), Take());
    }

    [Fact]
    public void AfterAStopNothingIsServedAndAnotherStartGoesOn()
    {
        using var kick = new EventNotifier(_ring.Driver.Kick.Duplicate());
        _ring.Device.Kick = kick;
        using DeviceQueue queue = Make();
        queue.Start(_ring.Device);
        Assert.Throws<InvalidOperationException>(() => queue.Start(_ring.Device));
        queue.Stop();
        queue.Stop();
        _ring.Driver.Send([new GuestBuffer(_buffer, 64, true)], 6);
        _thread.Run(() => { });
        Assert.False(_ring.Driver.HasUsed);
        queue.Start(_ring.Device);
        Assert.Equal((6UL, 64u), Take());
    }

    [Fact]
    public void NothingIsAllocated()
    {
        using var kick = new EventNotifier(_ring.Driver.Kick.Duplicate());
        _ring.Device.Kick = kick;
        using DeviceQueue queue = Make();
        queue.Start(_ring.Device);
        long before = 0;
        for (int i = 0; i < 2000; i++)
        {
            _ring.Driver.Send([new GuestBuffer(_buffer, 64, true)]);
            queue.Wake();
            Take();
            before = i == 1000 ? Volatile.Read(ref _allocated) : before;
        }

        Assert.True(Volatile.Read(ref _calls) >= 2000);
        Assert.Equal(before, Volatile.Read(ref _allocated));
    }

    private DeviceQueue Make() => new(_thread, ChainDirection.Writable, "test", (ChainBurst burst, int count, ref TurnBudget _) =>
    {
        Volatile.Write(ref _allocated, GC.GetAllocatedBytesForCurrentThread());
        _calls++;
        if (!_mayServe)
        {
            return 0;
        }

        for (int i = 0; i < count; i++)
        {
            burst[i].Written = burst[i].TotalLength;
        }

        return count;
    });

    private (ulong Cookie, uint Length) Take()
    {
        var used = new UsedChain[1];
        Assert.Equal(1, _ring.Driver.WaitForUsed(used, s_limit));
        return (used[0].Cookie, used[0].Length);
    }
}
