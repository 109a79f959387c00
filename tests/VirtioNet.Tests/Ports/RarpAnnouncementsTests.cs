using VhostNet.Aio;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class RarpAnnouncementsTests : IDisposable
{
    private readonly AioContext _context = new();
    private readonly List<int> _bursts = [];
    private readonly RarpAnnouncements _announcements;

    public RarpAnnouncementsTests()
    {
        _context.BindToCurrentThread();
        _announcements = new RarpAnnouncements(_context, burst => _bursts.Add(burst.Count));
    }

    public void Dispose()
    {
        _announcements.Dispose();
        _context.Dispose();
    }

    [Fact]
    public void test_regression_ten_thousand_requests_are_one_job_and_one_frame()
    {
        for (int i = 0; i < 10_000; i++)
        {
            Assert.True(_announcements.TryAdd(0x0605_0403_0201 | ((ulong)i << 48)));
        }

        Settle();
        Assert.Equal([1], _bursts);
        Assert.True(_announcements.TryAdd(1));
        Settle();
        Assert.Equal([1, 1], _bursts);
    }

    [Fact]
    public void WhatASessionWantedAnnouncedEndsWithIt()
    {
        Assert.True(_announcements.TryAdd(1));
        _announcements.Clear();
        Settle();
        Assert.Empty(_bursts);
    }

    [Fact]
    public void MoreAddressesThanACardHasAreDeclined()
    {
        for (int i = 0; i < RarpAnnouncements.WaitingMax; i++)
        {
            Assert.True(_announcements.TryAdd((ulong)i));
        }

        Assert.False(_announcements.TryAdd(1000));
        Assert.True(_announcements.TryAdd(3));
        Settle();
        Assert.Equal([RarpAnnouncements.WaitingMax], _bursts);
        Assert.True(_announcements.TryAdd(1000));
    }

    private void Settle()
    {
        while (_context.Poll(false))
        {
        }
    }
}
