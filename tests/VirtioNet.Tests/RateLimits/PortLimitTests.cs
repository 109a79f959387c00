using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.RateLimits;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.RateLimits;

public sealed class PortLimitTests : IDisposable
{
    private readonly BurstMemory _memory = new();
    private readonly AioClock _clock = AioClock.CreateVirtual(5_000_000_000);
    private readonly AioContext _context = new();
    private readonly FakePort _from = new("from");
    private readonly FakePort _to = new("to") { KeepsFrames = false };
    private readonly BottomHalf _waiter;
    private readonly WireNetwork _wire = new("wire");
    private int _woken;

    public PortLimitTests()
    {
        _context.BindToCurrentThread();
        _waiter = _context.CreateBottomHalf(() => _woken++, "waiter");
        _wire.Attach(_from);
        _wire.Attach(_to);
        for (int i = 0; i < 64; i++)
        {
            _memory.Add(default, new byte[100]);
        }
    }

    public void Dispose()
    {
        _from.Dispose();
        _to.Dispose();
        _context.Dispose();
        _memory.Dispose();
    }

    [Theory]
    [InlineData(true, 1000)]
    [InlineData(true, 200_000)]
    [InlineData(false, 1000)]
    [InlineData(false, 200_000)]
    public void AWaitingSenderIsWokenAndKeepsTheRate(bool receive, long rate)
    {
        Limit(receive, rate);
        long passed = 0, wakings = 0;
        long end = _clock.NowNs + 1_000_000_000;
        while (_clock.NowNs < end)
        {
            int done = _from.Send(_memory.Burst, waiter: _waiter);
            passed += done;
            if (done == _memory.Burst.Count)
            {
                continue;
            }

            for (_woken = 0; _woken == 0; _clock.Advance(50_000))
            {
                _context.Poll(false);
            }

            wakings++;
        }

        Assert.InRange(passed, (long)(rate * 0.98), (long)(rate * 1.02));
        Assert.Equal(passed, _to.EgressCounters.Frames);
        Assert.True(wakings <= 10_001, $"{wakings} wakings in a second");
        _from.ReadCounters(out FrameCounters received, out _);
        Assert.Equal(0, received.DroppedTotal + _to.EgressCounters.DroppedTotal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatCannotWaitIsDroppedAndCounted(bool receive)
    {
        Limit(receive, 10_000);
        long offered = 0;
        for (int i = 0; i < 1000; i++, offered += 64)
        {
            Assert.Equal(64, _from.Send(_memory.Burst));
            _clock.Advance(1_000_000);
        }

        Assert.InRange(_to.EgressCounters.Frames, 9_800, 10_200);
        _from.ReadCounters(out FrameCounters received, out _);
        Assert.Equal(offered - _to.EgressCounters.Frames, (receive ? received : _to.EgressCounters).Drops[(int)DropReason.RateLimit]);
    }

    [Fact]
    public void AReceiverThatHoldsFramesBackDoesNotCostTokens()
    {
        Limit(receive: true, 10_000);
        _to.Room = 0;
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(0, _from.Send(_memory.Burst, waiter: _waiter));
        }

        _to.Room = int.MaxValue;
        Assert.Equal(64, _from.Send(_memory.Burst, waiter: _waiter));
    }

    [Fact]
    public void LimitsChangeWhileFramesFlow()
    {
        Limit(receive: true, 1000);
        Assert.True(_from.Send(_memory.Burst, waiter: _waiter) < 64);
        _from.SetLimits(null, null);
        Assert.Equal(64, _from.Send(_memory.Burst, waiter: _waiter));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ASenderThatWaitsForAnOldLimitIsWokenByANewOne(bool receive)
    {
        Limit(receive, 1);
        int done = _from.Send(_memory.Burst, waiter: _waiter);
        Assert.True(done < 64);
        _context.Poll(false);
        Assert.Equal(0, _woken);
        (receive ? _from : _to).SetLimits(null, null);

        // The clock stands still: no time that the old limit asked for has passed.
        _context.Poll(false);
        Assert.Equal(1, _woken);
        Assert.Equal(64, _from.Send(_memory.Burst, waiter: _waiter));
    }

    [Fact]
    public void ALimitIsMovedWithoutLettingMoreThrough()
    {
        Limit(receive: true, 1000);
        long end = _clock.NowNs + 1_000_000_000;
        for (long rate = 1000; _clock.NowNs < end; rate = 3000 - rate)
        {
            // Half of the time at each rate: the mean counts, but for what a full bucket lets through at once.
            for (int i = 0; i < 100; i++, _clock.Advance(1_000_000))
            {
                _from.Send(_memory.Burst);
            }

            Limit(receive: true, 3000 - rate);
        }

        Assert.InRange(_to.EgressCounters.Frames, 1_470, 1_500 + (10 * 20));
    }

    private void Limit(bool receive, long rate)
    {
        var limiter = new RateLimiter(new RateLimit { FramesPerSecond = rate }, _clock);
        if (receive)
        {
            _from.SetLimits(limiter, null);
        }
        else
        {
            _to.SetLimits(null, limiter);
        }
    }
}
