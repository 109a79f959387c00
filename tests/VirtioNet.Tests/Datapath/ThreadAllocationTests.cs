using System.Net;
using System.Net.Sockets;
using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Ports.Tap;
using VhostNet.VirtioNet.RateLimits;
using VhostNet.VirtioNet.Tests.Ports;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>What a data thread allocates while frames flow, its event loop, kicks and interrupts included: nothing, through a limit, a switch, a tap and with software offloads.</summary>
public sealed class ThreadAllocationTests
{
    private const ulong Modern = VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF;
    private const int FrameSize = 200;
    private const ulong Sender = 0x0200_0000_0001;
    private const ulong Receiver = 0x0200_0000_0002;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void ARateLimitAllocatesNothing(PollPolicy policy)
    {
        using IoThread thread = Start(policy);
        using var guest = new GuestRig("guest", Modern, thread);
        new HairpinNetwork("hairpin").Attach(guest.Port);
        var clock = AioClock.CreateVirtual();
        var limit = new RateLimit { FramesPerSecond = 20_000, BurstFrames = 32 };
        guest.Port.SetLimits(new RateLimiter(limit, clock), new RateLimiter(limit, clock));
        guest.Start();

        // The clock stands still, so that the sender has to wait however slow this machine is, and the timer that it waits with is made.
        Exchange(guest, guest, Frame(default, Receiver), 32);
        thread.Run(() => { });
        AssertNothing(thread, () => Exchange(guest, guest, Frame(default, Receiver), 2000, () => clock.Advance(50_000)));
        guest.Stop();
    }

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void ASwitchAllocatesNothing(PollPolicy policy)
    {
        using IoThread thread = Start(policy);
        using var network = new SwitchNetwork("switch");
        using var a = new GuestRig("a", Modern, thread);
        using var b = new GuestRig("b", Modern | VirtioFeatures.RING_PACKED, thread);
        using var c = new GuestRig("c", Modern, thread);
        foreach (GuestRig guest in (GuestRig[])[a, b, c])
        {
            network.Attach(guest.Port);
            guest.Start();
        }

        // Broadcast, so that each frame goes to two, one of which never has buffers.
        AssertNothing(thread, () => Exchange(a, b, Frame(default, 0xffff_ffff_ffff), 2000));
        Assert.NotEqual(0, c.Port.Pairs[0].Rx.Counters.DroppedTotal);
        foreach (GuestRig guest in (GuestRig[])[a, b, c])
        {
            guest.Stop();
            network.Detach(guest.Port);
        }
    }

    [Fact]
    public void FinishingChecksumsAllocatesNothing()
    {
        using IoThread thread = Start(PollPolicy.Adaptive);
        using var a = new GuestRig("a", Modern | VirtioNetFeatures.CSUM, thread);
        using var b = new GuestRig("b", Modern, thread);
        var wire = new WireNetwork("wire");
        wire.Attach(a.Port);
        wire.Attach(b.Port);
        a.Start();
        b.Start();
        var header = new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = 34, CsumOffset = 6 };
        AssertNothing(thread, () => Exchange(a, b, Frame(header, Receiver), 2000));
        a.Stop();
        b.Stop();
    }

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void ATapAllocatesNothing(PollPolicy policy)
    {
        using var space = new NetNamespace();
        using IoThread thread = Start(policy);
        using TapPort tap = space.Run(() => new TapPort("tap", new TapOptions { Name = "t0" }, [thread.Context]));
        using var guest = new GuestRig("guest", Modern, thread);
        var wire = new WireNetwork("wire");
        wire.Attach(tap);
        wire.Attach(guest.Port);
        guest.Start();
        tap.Start();
        space.Ip("addr add 10.77.0.1/24 dev t0");
        space.Ip("neigh add 10.77.0.2 lladdr 02:00:00:00:00:02 dev t0");
        using Socket host = space.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        var destination = IPEndPoint.Parse("10.77.0.2:7000");
        byte[] payload = new byte[100];
        AssertNothing(thread, () =>
        {
            for (int i = 0; i < 300; i++)
            {
                host.SendTo(payload, destination);
                Exchange(guest, guest, Frame(default, Receiver), 1);
            }
        });
        tap.ReadCounters(out _, out FrameCounters sent);
        Assert.True(sent.Frames >= 600, $"{sent.Frames} frames reached the tap");
        guest.Stop();
        wire.Detach(tap);
    }

    private static IoThread Start(PollPolicy policy)
    {
        var thread = new IoThread(new IoThreadOptions { Name = "data", Policy = policy });
        thread.Start();
        return thread;
    }

    /// <summary>
    /// Runs traffic until what is made once when it is first needed has been made: on a busy machine a wait may be the first of its kind in a later run. What a
    /// frame or a burst allocated would be there in every run.
    /// </summary>
    private static void AssertNothing(IoThread thread, Action traffic)
    {
        traffic();
        _ = Allocated(thread);
        long surplus = long.MaxValue;
        for (int run = 0; run < 3 && surplus != 0; run++)
        {
            long empty = Allocated(thread);
            long begin = Allocated(thread);
            traffic();
            long end = Allocated(thread);
            surplus = end - begin - (begin - empty);
        }

        Assert.Equal(0, surplus);
    }

    private static long Allocated(IoThread thread)
    {
        long bytes = 0;
        thread.Run(() => bytes = GC.GetAllocatedBytesForCurrentThread());
        return bytes;
    }

    private static byte[] Frame(VirtioNetHeader header, ulong destination)
    {
        byte[] frame = new byte[VirtioNetHeader.Size + FrameSize];
        System.Runtime.InteropServices.MemoryMarshal.Write(frame, header);
        new MacAddress(destination).Write(frame.AsSpan(VirtioNetHeader.Size));
        new MacAddress(Sender).Write(frame.AsSpan(VirtioNetHeader.Size + MacAddress.Size));
        return frame;
    }

    /// <summary>Sends frames, takes what arrives and gives buffers back, until so many arrived.</summary>
    private static void Exchange(GuestRig from, GuestRig to, byte[] frame, int count, Action? turn = null)
    {
        ulong address = from.Memory.Allocate((ulong)frame.Length);
        from.Memory.Write(address, frame);
        ulong buffer = to.Memory.Allocate(512);
        var used = new UsedChain[64];
        long start = Environment.TickCount64;
        int arrived = 0;
        while (arrived < count)
        {
            from.Tx.CollectUsed(used);
            while (from.Tx.Outstanding < 64 && from.Tx.Add([new GuestBuffer(address, (uint)frame.Length, false)]) >= 0)
            {
            }

            from.Tx.Publish();
            from.Tx.KickIfWanted();
            arrived += to.Rx.CollectUsed(used);
            while (to.Rx.Outstanding < 64)
            {
                to.Rx.Add([new GuestBuffer(buffer, 512, true)]);
            }

            to.Rx.Publish();
            to.Rx.KickIfWanted();
            turn?.Invoke();
            Assert.True(Environment.TickCount64 - start < s_patience.TotalMilliseconds, $"{arrived} of {count} frames arrived");
        }
    }
}
