using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Responder;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>The responder's leases begin and end: four addresses, a minute each, by a clock of the test's own.</summary>
public sealed class LeaseTests : IDisposable
{
    private const byte Discover = 1, Offer = 2, Request = 3, Decline = 4, Ack = 5, Nak = 6, Release = 7;
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(60);

    private readonly TestLoop _loop = new();
    private readonly AioClock _clock = AioClock.CreateVirtual(1);
    private readonly ResponderPort _port;
    private readonly CollectorPort _guest;

    public LeaseTests()
    {
        _port = new ResponderPort("responder", new ResponderOptions { LeaseCount = 4, LeaseTime = s_lease }, _loop.Context, _clock);
        _guest = CollectorPort.Join(_port, Offloads.None);
    }

    public void Dispose()
    {
        _port.Dispose();
        _guest.Dispose();
        _loop.Dispose();
    }

    [Fact]
    public void TheFifthOfFourGetsAnAddressWhenOneIsOver()
    {
        Take(1, 2, 3, 4);
        Pass(TimeSpan.FromSeconds(59));
        Assert.Null(Ask(5, Discover));
        Pass(TimeSpan.FromSeconds(1));
        Assert.Equal((Offer, 15), Ask(5, Discover));
        Assert.Equal((Ack, 15), Ask(5, Request, 15));
        Assert.Equal((Nak, 0), Ask(1, Request, 15));
    }

    [Fact]
    public void WhoAsksAgainKeepsItsAddress()
    {
        Take(1, 2, 3, 4);
        Pass(TimeSpan.FromSeconds(40));
        Assert.Equal((Ack, 16), Ask(2, Request, 16));
        Pass(TimeSpan.FromSeconds(40));

        // The three others' times are over, oldest first in the order in which they came.
        Assert.Equal((Ack, 15), Bind(5));
        Assert.Equal((Ack, 17), Bind(6));
        Assert.Equal((Ack, 18), Bind(7));
        Assert.Null(Ask(8, Discover));
        Pass(TimeSpan.FromSeconds(20));
        Assert.Equal((Offer, 16), Ask(8, Discover));
    }

    [Fact]
    public void WhoseTimeIsOverGetsTheSameAddressUnlessSomebodyElseDid()
    {
        Take(1, 2);
        Pass(s_lease * 2);
        Assert.Equal((Offer, 16), Ask(2, Discover));
        Assert.Equal((Ack, 15), Ask(1, Request, 15));
    }

    /// <summary>Addresses that nobody had come before those that are over, and the oldest of these first.</summary>
    [Fact]
    public void TheOldestThatIsOverIsGivenAwayFirst()
    {
        Take(1);
        Pass(TimeSpan.FromSeconds(10));
        Take(2, 3);
        Assert.Equal((Ack, 15), Ask(1, Request, 15));
        Pass(s_lease * 2);
        Assert.Equal((Ack, 18), Bind(4));
        Assert.Equal((Ack, 15), Bind(5));
        Assert.Equal((Ack, 16), Bind(6));
    }

    [Fact]
    public void AReleasedAddressIsFreeAtOnce()
    {
        Take(1, 2, 3, 4);
        Assert.Null(Ask(3, Release, 17));
        Assert.Equal((Ack, 17), Bind(5));
    }

    [Fact]
    public void ADeclinedAddressIsLeftAloneForTenMinutes()
    {
        Take(1);
        Assert.Null(Ask(1, Decline, 15));
        Take(2, 3, 4);
        Assert.Null(Ask(1, Discover, 15));
        Assert.Null(Ask(5, Discover));
        Assert.Equal((Nak, 0), Ask(5, Request, 15));
        for (int i = 0; i < 12; i++)
        {
            Pass(TimeSpan.FromSeconds(50));
            Assert.All((int[])[2, 3, 4], c => Assert.Equal(Ack, Ask(c, Request, c + 14)!.Value.Type));
        }

        Assert.Equal((Offer, 15), Ask(5, Discover, 15));
    }

    [Fact]
    public void OnlyWhoHasAnAddressCanDeclineIt()
    {
        Take(1, 2);
        Assert.Null(Ask(2, Decline, 15));
        Assert.Equal((Ack, 15), Ask(1, Request, 15));
    }

    [Fact]
    public void AnOfferThatNobodyTookIsGivenToTheNext()
    {
        Take(1, 2, 3);
        Assert.Equal((Offer, 18), Ask(4, Discover));
        Assert.Equal((Offer, 18), Ask(5, Discover));
        Assert.Equal((Nak, 0), Ask(4, Request, 18));
        Pass(TimeSpan.FromSeconds(31));
        Assert.Equal((Ack, 18), Ask(4, Request, 18));
    }

    private void Take(params int[] clients) => Assert.All(clients, c => Assert.Equal((Ack, c + 14), Bind(c)));

    private (byte Type, int Address)? Bind(int client) => Ask(client, Request, Ask(client, Discover)!.Value.Address);

    private void Pass(TimeSpan time) => _clock.Advance((long)time.TotalNanoseconds);

    /// <summary>Sends a message; the answer's type and the address's last byte, or null when there is none.</summary>
    private (byte Type, int Address)? Ask(int client, byte type, int address = 0)
    {
        byte[] mac = [2, 0, 0, 0, 0, (byte)client];
        byte[][] options = address == 0 ? [] : [[50, 4, 10, 0, 2, (byte)address]];
        _guest.Frames.Clear();
        Assert.Equal(1, _guest.Send([Craft.DhcpFrame(mac, Craft.Dhcp(type, 1, mac, false, null, options))]));
        _loop.Drain();
        return _guest.Frames.Count == 0 ? null : (Craft.DhcpOptions(_guest.Frames[0][42..])[53][0], _guest.Frames[0][61]);
    }
}
