using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Postcopy with a real userfaultfd, which the kernel gives to root, or with vm.unprivileged_userfaultfd = 1 to everybody.</summary>
public sealed class PostcopyTests
{
    private const ulong WithoutSlots = ProtocolFeatures.REPLY_ACK | ProtocolFeatures.PAGEFAULT;

    private static readonly SessionOptions s_options = new() { AllowedProtocolFeatures = SessionOptions.ImplementedProtocolFeatures };

    [Fact]
    public void AMissingPageIsAskedForAndSupplied()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture(options: s_options);
        RawFrontEnd front = fixture.Front;
        fixture.Negotiate(protocolFeatures: WithoutSlots);
        Assert.True(fixture.Session.CanCapture);
        using FileDescriptor fault = Advise(front);
        Assert.False(fixture.Session.CanCapture);
        front.Tell(RequestCode.POSTCOPY_LISTEN);

        // The reply has our addresses; the map is not in use before the front end has confirmed.
        front.Send(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), [guest.File.Value]);
        (_, byte[] reply) = front.ReceiveReply();
        var region = Wire.Read<MemoryRegionPayload>(reply.AsSpan(8));
        Assert.Equal(guest.Region.GuestAddress, region.GuestAddress);
        Assert.Empty(fixture.Session.State.Memory.Regions);
        front.Tell(RequestCode.SET_MEM_TABLE, RawFrontEnd.Bytes(0UL));
        MemoryRegion mapped = Assert.Single(fixture.Session.State.Memory.Regions);
        Assert.Equal((ulong)mapped.HostBase, region.UserAddress);

        // Another thread touches a page that has not arrived; this one supplies it as the front end would. The touch is inside a system call: a thread that
        // waited in managed code would keep a garbage collection, and so this thread, from going on.
        Assert.Equal(0, pipe2(out int readEnd, out int writeEnd, O_CLOEXEC));
        using var reader = new FileDescriptor(readEnd);
        using var writer = new FileDescriptor(writeEnd);
        var toucher = new Thread(() => WriteByte(writer, mapped.HostBase + 0x3000));
        toucher.Start();
        var set = new pollfd { fd = fault.Value, events = POLLIN };
        Assert.Equal(1, poll([set], 10_000));
        Span<byte> bytes = stackalloc byte[32];
        Assert.Equal(32, read(fault.Value, bytes));
        var message = Wire.Read<uffd_msg>(bytes);
        Assert.Equal(((byte)UFFD_EVENT_PAGEFAULT, region.UserAddress + 0x3000), (message.@event, message.address & ~0xfffUL));
        Supply(fault, message.address & ~0xfffUL, 0x5a);
        Assert.True(toucher.Join(TimeSpan.FromSeconds(10)));
        Assert.Equal(1, read(reader.Value, bytes));
        Assert.Equal(0x5a, bytes[0]);

        Assert.Equal(0UL, front.Ask<ulong>(RequestCode.POSTCOPY_END));
        front.Refused(RequestCode.POSTCOPY_LISTEN);
    }

    [Fact]
    public void RegionsCanBeAddedOneByOne()
    {
        using var guest = new GuestMemory();
        using var more = new GuestMemory(guestAddress: 1UL << 32);
        using var fixture = new SessionFixture(options: s_options);
        RawFrontEnd front = fixture.Front;
        fixture.Negotiate(protocolFeatures: WithoutSlots | ProtocolFeatures.CONFIGURE_MEM_SLOTS);
        using FileDescriptor fault = Advise(front);
        front.Tell(RequestCode.POSTCOPY_LISTEN);
        foreach (GuestMemory memory in new[] { guest, more })
        {
            front.Send(RequestCode.ADD_MEM_REG, memory.SingleRegion, [memory.File.Value]);
            (_, byte[] reply) = front.ReceiveReply();
            Assert.Equal(memory.Region.GuestAddress, Wire.Read<MemoryRegionPayload>(reply.AsSpan(8)).GuestAddress);
        }

        front.Tell(RequestCode.ADD_MEM_REG, RawFrontEnd.Bytes(0UL));
        Assert.Equal(2, fixture.Session.State.Memory.Regions.Count);
    }

    [Fact]
    public void AFrontEndThatCanNotServeFaultsIsRefused()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture(options: s_options);
        fixture.Negotiate(protocolFeatures: WithoutSlots);
        fixture.Front.Refused(RequestCode.POSTCOPY_LISTEN);
        using FileDescriptor fault = Advise(fixture.Front);
        fixture.Front.Tell(RequestCode.POSTCOPY_LISTEN);
        fixture.Front.Send(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), [guest.File.Value]);
        fixture.Front.ReceiveReply();
        fixture.Front.Refused(RequestCode.SET_MEM_TABLE, RawFrontEnd.Bytes(1UL));
        Assert.Empty(fixture.Session.State.Memory.Regions);
    }

    /// <summary>
    /// The front end hangs up and keeps its end of the userfaultfd: a thread that waits for a page would never come back, and the control thread, which waits for
    /// that thread to let go of its ring, not either.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void test_regression_a_front_end_that_goes_away_leaves_no_thread_waiting_for_a_page(bool orderly)
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture(options: s_options);
        fixture.Negotiate(protocolFeatures: WithoutSlots);
        using FileDescriptor fault = Advise(fixture.Front);
        fixture.Front.Tell(RequestCode.POSTCOPY_LISTEN);
        fixture.Front.Send(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), [guest.File.Value]);
        fixture.Front.ReceiveReply();
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, RawFrontEnd.Bytes(0UL));
        nint address = Assert.Single(fixture.Session.State.Memory.Regions).HostBase;
        Assert.Equal(0, pipe2(out int readEnd, out int writeEnd, O_CLOEXEC));
        using var reader = new FileDescriptor(readEnd);
        using var writer = new FileDescriptor(writeEnd);
        for (int page = 0; page < 4; page++)
        {
            // The ring itself has arrived, so that starting it waits for nothing.
            Supply(fault, (ulong)(address + (page << 12)), 0);
        }

        fixture.SetUpRing(0);
        fixture.Kick(0);
        var toucher = new Thread(() => WriteByte(writer, address + 0x30000)) { IsBackground = true };
        toucher.Start();
        Assert.Equal(1, poll([new pollfd { fd = fault.Value, events = POLLIN }], 10_000));

        // Stopping the ring waits for the thread, as the device's does.
        bool cameBack = false;
        fixture.Device.OnStop = _ => cameBack = toucher.Join(TimeSpan.FromSeconds(10));
        if (orderly)
        {
            Assert.Equal(0UL, fixture.Front.Ask<ulong>(RequestCode.POSTCOPY_END));
            Assert.True(toucher.Join(TimeSpan.FromSeconds(10)));
        }

        fixture.Front.Dispose();
        fixture.Front.Settle();
        Assert.True(fixture.Session.IsEnded);
        Assert.True(cameBack, "the thread still waited for its page when its ring was stopped");
    }

    private static FileDescriptor Advise(RawFrontEnd front)
    {
        Assert.True(UserFault.IsAvailable, "userfaultfd is not available to this process: run the tests as root, or with vm.unprivileged_userfaultfd = 1");
        using var fds = new FdCollection();
        front.Send(RequestCode.POSTCOPY_ADVISE);
        Assert.Equal(0u, front.ReceiveReply(fds).Header.PayloadSize);
        return fds.Take(0);
    }

    private static unsafe void WriteByte(FileDescriptor pipe, nint address) => Assert.Equal(1, write(pipe.Value, (byte*)address, 1));

    private static unsafe void Supply(FileDescriptor fault, ulong page, byte content)
    {
        byte[] source = new byte[4096];
        Array.Fill(source, content);
        fixed (byte* bytes = source)
        {
            var copy = new uffdio_copy { dst = page, src = (ulong)bytes, len = 4096 };
            Assert.Equal(0, ioctl(fault.Value, UFFDIO_COPY, ref copy));
        }
    }
}
