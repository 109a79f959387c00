using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.RateLimits;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.RateLimits;

public sealed class RateLimiterTests : IDisposable
{
    private readonly BurstMemory _memory = new();
    private readonly AioClock _clock = AioClock.CreateVirtual(5_000_000_000);

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(1_000)]
    [InlineData(50_000)]
    [InlineData(1_000_000)]
    [InlineData(14_880_952)]
    [InlineData(148_809_523)]
    public void FramesPerSecondAreExact(long rate)
    {
        var limiter = new RateLimiter(new RateLimit { FramesPerSecond = rate }, _clock);
        Fill(256, 64);
        long duration = Math.Min(1_000_000_000, 1_000_000_000_000_000 / rate);
        AssertNear(rate * duration / 1_000_000_000, Run(limiter, step: Math.Clamp(100_000_000_000 / rate, 700, 300_000), duration).Frames);
    }

    [Theory]
    [InlineData(125_000, 1514)]
    [InlineData(125_000_000, 64)]
    [InlineData(12_500_000_000, 9000)]
    [InlineData(12_500_000_000, 65_000)]
    public void BytesPerSecondAreExact(long rate, int size)
    {
        var limiter = new RateLimiter(new RateLimit { BytesPerSecond = rate }, _clock);
        Fill(32, size);
        AssertNear(rate, Run(limiter, step: 100_000).Bytes, slack: size);
    }

    [Fact]
    public void TheTighterLimitHolds()
    {
        var limiter = new RateLimiter(new RateLimit { FramesPerSecond = 100_000, BytesPerSecond = 12_500_000 }, _clock);
        Fill(64, 60);
        AssertNear(100_000, Run(limiter, 100_000).Frames);
        _memory.Clear();
        Fill(64, 1250);
        AssertNear(10_000, Run(limiter, 100_000).Frames);
    }

    [Fact]
    public void ABurstPassesAfterAQuietTimeAndNoMore()
    {
        var limiter = new RateLimiter(new RateLimit { FramesPerSecond = 1000, BurstFrames = 40 }, _clock);
        Fill(64, 60);
        _clock.Advance(60_000_000_000);
        Assert.Equal(40, limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs));
        Assert.Equal(0, limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs));
        Assert.Equal(1_000_000, limiter.WaitNs(_clock.NowNs));
        _clock.Advance(1_000_000);
        Assert.Equal(1, limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs));
    }

    [Fact]
    public void WhatWasNotTakenIsGivenBack()
    {
        var limiter = new RateLimiter(new RateLimit { FramesPerSecond = 1000, BytesPerSecond = 1_000_000, BurstFrames = 10 }, _clock);
        Fill(64, 60);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(10, limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs));
            limiter.GiveBack(_memory.Burst, _memory.Burst.AllFrames[..10]);
        }
    }

    [Fact]
    public void AFrameToBeSegmentedCountsAsItsSegments()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = new byte[60_000] };
        var limiter = new RateLimiter(new RateLimit { FramesPerSecond = 1000, BurstFrames = 50 }, _clock);
        for (int i = 0; i < 10; i++)
        {
            _memory.Add(tcp.Header(1000), tcp.Partial());
        }

        Assert.Equal(1, limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs));
        Assert.InRange(limiter.WaitNs(_clock.NowNs), 11_000_000, 13_000_000);
    }

    /// <summary>What is given back is what was taken, for a frame that counts as sixty too.</summary>
    [Fact]
    public void SegmentsAreGivenBackTogether()
    {
        FrameBuilder tcp = new() { Tcp = true, Payload = new byte[60_000] };
        var limiter = new RateLimiter(new RateLimit { FramesPerSecond = 1000, BurstFrames = 100 }, _clock);
        _memory.Add(tcp.Header(1000), tcp.Partial());
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(1, limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs));
            limiter.GiveBack(_memory.Burst, _memory.Burst.AllFrames);
        }
    }

    [Fact]
    public void NegativeRatesAreRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RateLimiter(new RateLimit { FramesPerSecond = -1 }, _clock));

    /// <summary>Offers bursts for a second of the virtual clock; in a shorter time what a full bucket lets through at first is left out.</summary>
    private (long Frames, long Bytes) Run(RateLimiter limiter, long step, long duration = 1_000_000_000)
    {
        while (duration < 1_000_000_000 && limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs) > 0)
        {
        }

        long frames = 0, bytes = 0;
        for (long passed = 0; passed < duration; passed += step)
        {
            int admitted;
            do
            {
                admitted = limiter.Admit(_memory.Burst, _memory.Burst.AllFrames, _clock.NowNs);
                frames += admitted;
                bytes += (long)admitted * _memory.Burst[0].TotalLength;
            }
            while (admitted == _memory.Burst.Count);
            _clock.Advance(step);
        }

        return (frames, bytes);
    }

    private void Fill(int frames, int size)
    {
        for (int i = 0; i < frames; i++)
        {
            _memory.Add(default, new byte[size]);
        }
    }

    private static void AssertNear(long expected, long actual, long slack = 0) =>
        Assert.InRange(actual, (long)(expected * 0.98) - slack, (long)(expected * 1.02) + slack);
}
