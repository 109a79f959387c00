using System.Net;
using System.Net.Sockets;
using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Ports.Tap;
using VhostNet.VirtioNet.Tests.Datapath;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>What was sent to a guest that is gone waits for it for a while, and reaches no other.</summary>
public sealed class StaleFrameTests : IDisposable
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private readonly TestLoop _loop = new();
    private readonly AioClock _clock = AioClock.CreateVirtual(1);

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void AGuestThatComesBackInTimeGetsWhatWasSentMeanwhile()
    {
        using DatagramTap tap = Open();
        using CollectorPort guest = CollectorPort.Join(tap, up: false);
        tap.Start();
        Send(tap, 1, 2, 3);
        Advance(s_second - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, Stale(tap));
        guest.SetState(true, Offloads.All);
        _loop.Drain();
        Assert.Equal([1, 2, 3], Numbers(guest));
    }

    /// <summary>The time begins anew whenever the guest goes; frames that come after it has passed are dropped as they come.</summary>
    [Fact]
    public void WhenTheTimeIsOverFramesAreDroppedAndCounted()
    {
        using DatagramTap tap = Open();
        using CollectorPort guest = CollectorPort.Join(tap);
        tap.Start();
        Advance(s_second * 10);
        guest.SetState(false, Offloads.All);
        Send(tap, 1, 2, 3);
        Advance(s_second / 2);
        Assert.Equal(0, Stale(tap));
        Advance(s_second / 2);
        Assert.Equal(3, Stale(tap));
        Send(tap, 4);
        Assert.Equal(4, Stale(tap));
        guest.SetState(true, Offloads.All);
        _loop.Drain();
        Send(tap, 5);
        Assert.Equal([5], Numbers(guest));
        Assert.Equal(4, Stale(tap));
    }

    [Fact]
    public void WithoutAHoldTimeNothingWaits()
    {
        using DatagramTap tap = Open(TimeSpan.Zero);
        using CollectorPort guest = CollectorPort.Join(tap, up: false);
        tap.Start();
        Send(tap, 1, 2);
        Assert.Equal(2, Stale(tap));
        guest.SetState(true, Offloads.All);
        _loop.Drain();
        Assert.Empty(guest.Frames);
    }

    [Fact]
    public void AnotherGuestGetsNothingOfTheLastOnes()
    {
        using DatagramTap tap = Open();
        using CollectorPort guest = CollectorPort.Join(tap, up: false);
        tap.Start();
        int sent = 0;
        while (tap.TrySend(default, Frame(++sent)))
        {
        }

        Assert.InRange(sent, 2, 100_000);
        guest.Network!.GuestReplaced(guest);
        guest.SetState(true, Offloads.All);
        _loop.Drain();
        Assert.Equal(sent - 1, Stale(tap));
        Send(tap, 77);
        Assert.Equal([77], Numbers(guest));
    }

    /// <summary>Frames that were read, and that the guest held back when it went.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FramesThatWereReadAlreadyGoTheSameWay(bool replaced)
    {
        using DatagramTap tap = Open();
        using CollectorPort guest = CollectorPort.Join(tap);
        tap.Start();
        guest.Room = 1;
        Send(tap, 1, 2, 3, 4);
        Assert.Equal([1], Numbers(guest));
        guest.SetState(false, Offloads.All);
        _loop.Drain();
        if (replaced)
        {
            guest.Network!.GuestReplaced(guest);
        }
        else
        {
            Advance(s_second);
        }

        guest.Room = 10;
        guest.SetState(true, Offloads.All);
        _loop.Drain();
        Assert.Equal(3, Stale(tap));
        Send(tap, 5);
        Assert.Equal([1, 5], Numbers(guest));
    }

    /// <summary>One who joins a network in which another guest is takes nothing from that one.</summary>
    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public void OnASwitchOnlyTheOnlyGuestReplacesAnother(bool otherIsUp, int expected)
    {
        using CollectorPort uplink = CollectorPort.Create();
        using CollectorPort first = CollectorPort.Create();
        using CollectorPort second = CollectorPort.Create(otherIsUp);
        first.IsGuest = second.IsGuest = true;
        using var network = new SwitchNetwork("lan", clock: _clock);
        network.Attach(uplink);
        network.Attach(first);
        network.Attach(second);
        network.GuestReplaced(first);
        Assert.Equal(expected, uplink.Replacements);
        Assert.Equal(0, first.Replacements);
    }

    /// <summary>The same process is the same guest; the first since the port was made may be. One that isn't known is another.</summary>
    [Theory]
    [InlineData(0, 100)]
    [InlineData(0, 100, 100, 100)]
    [InlineData(1, 100, 101)]
    [InlineData(2, 100, 101, 100)]
    [InlineData(1, 0, 0)]
    [InlineData(1, 100, 0)]
    public void TheSameProcessIsTheSameGuest(int expected, params int[] processes)
    {
        ArgumentNullException.ThrowIfNull(processes);
        using var thread = new IoThread(new IoThreadOptions { Name = "io" });
        thread.Start();
        using var guest = new VhostUserPort("guest", new VirtioNetOptions(), [thread]);
        using CollectorPort uplink = CollectorPort.Join(guest);
        foreach (int process in processes)
        {
            Assert.True(guest.Device.Handle(new DeviceRequest(DeviceRequestKind.Connected, (ulong)process)));
            Assert.True(guest.Device.Handle(new DeviceRequest(DeviceRequestKind.Disconnected, 0)));
        }

        Assert.Equal(expected, uplink.Replacements);
    }

    /// <summary>A real tap, whose queue keeps a thousand frames for as long as it lives.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ThreeThousandFramesOfATapDoNotReachTheNextGuest(bool replaced)
    {
        using var network = new NetNamespace();
        using TapPort tap = network.Run(() => new TapPort("tap", new TapOptions { Name = "t0" }, [_loop.Context]) { HoldClock = _clock });
        using CollectorPort guest = CollectorPort.Join(tap, up: false);
        tap.Start();
        network.Ip("addr add 10.77.0.1/24 dev t0");
        network.Ip("neigh add 10.77.0.2 lladdr 52:54:00:12:34:56 dev t0");
        using Socket socket = network.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        var to = IPEndPoint.Parse("10.77.0.2:7000");
        _loop.Drain();
        for (int i = 0; i < 3000; i++)
        {
            SendTo(socket, to, i);
        }

        if (replaced)
        {
            guest.Network!.GuestReplaced(guest);
        }
        else
        {
            Advance(s_second);
        }

        guest.SetState(true, Offloads.All);
        _loop.Drain();
        SendTo(socket, to, 4000);
        _loop.Until(() => guest.Frames.Count > 0, "the frame for the new guest arrives");
        Assert.Equal([4000], guest.Frames.ConvertAll(f => BitConverter.ToInt32(f, 42)));
        tap.ReadCounters(out FrameCounters received, out _);
        Assert.InRange(received.Drops[(int)DropReason.Stale], 500, 3000);
    }

    private static void SendTo(Socket socket, EndPoint to, int number)
    {
        try
        {
            socket.SendTo(BitConverter.GetBytes(number), to);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.NoBufferSpaceAvailable)
        {
            // The interface's queue is full.
        }
    }

    private static byte[] Frame(int number) => [.. BitConverter.GetBytes(number), .. new byte[60]];

    private static List<int> Numbers(CollectorPort guest) => guest.Frames.ConvertAll(f => BitConverter.ToInt32(f));

    private static long Stale(Port port)
    {
        port.ReadCounters(out FrameCounters received, out _);
        return received.Drops[(int)DropReason.Stale];
    }

    private DatagramTap Open(TimeSpan? hold = null) => new(_loop.Context, 1518, _clock, hold);

    private void Send(DatagramTap tap, params int[] numbers)
    {
        foreach (int number in numbers)
        {
            Assert.True(tap.TrySend(default, Frame(number)));
        }

        _loop.Drain();
    }

    private void Advance(TimeSpan time)
    {
        _loop.Drain();
        _clock.Advance((long)time.TotalNanoseconds);
        _loop.Drain();
    }
}
