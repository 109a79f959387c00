using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>
/// The classes of flaws that other back ends had, as far as they lie in messages; those of rings and descriptors are tested with the virtqueues, those of the
/// dirty log and of the inflight area with these.
/// </summary>
public sealed class RegressionTests
{
    private const ulong Size = 1 << 20;

    public static TheoryData<ulong, ulong, ulong> ImpossibleRings => new()
    {
        // Descriptors, avail, used: beyond the end, across it, wrapped around, and where a sum of address and length overflows.
        { GuestMemory.UserBase + Size, GuestMemory.UserBase + 0x1000, GuestMemory.UserBase + 0x2000 },
        { GuestMemory.UserBase + Size - 16, GuestMemory.UserBase + 0x1000, GuestMemory.UserBase + 0x2000 },
        { GuestMemory.UserBase, GuestMemory.UserBase + Size - 4, GuestMemory.UserBase + 0x2000 },
        { GuestMemory.UserBase, GuestMemory.UserBase + 0x1000, GuestMemory.UserBase + Size - 8 },
        { GuestMemory.UserBase, GuestMemory.UserBase + 0x1000, ulong.MaxValue - 3 },
        { ulong.MaxValue - 15, GuestMemory.UserBase + 0x1000, GuestMemory.UserBase + 0x2000 },
        { GuestMemory.UserBase - 16, GuestMemory.UserBase + 0x1000, GuestMemory.UserBase + 0x2000 },
        { 0, 0, 0 },
        { GuestMemory.UserBase + 1, GuestMemory.UserBase + 0x1000, GuestMemory.UserBase + 0x2000 },
        { GuestMemory.UserBase, GuestMemory.UserBase + 0x1001, GuestMemory.UserBase + 0x2000 },
        { GuestMemory.UserBase, GuestMemory.UserBase + 0x1000, GuestMemory.UserBase + 0x2002 },
    };

    public static TheoryData<ulong, ulong, ulong, ulong> ImpossibleRegions => new()
    {
        // Guest address, size, user address, offset in the file.
        { 0, 0, GuestMemory.UserBase, 0 },
        { ulong.MaxValue - 100, 4096, GuestMemory.UserBase, 0 },
        { 0, 4096, ulong.MaxValue - 100, 0 },
        { 0, ulong.MaxValue, GuestMemory.UserBase, 0 },
        { 0, 4096, GuestMemory.UserBase, ulong.MaxValue - 100 },
        { 0, Size + 1, GuestMemory.UserBase, 0 },
        { 0, Size, GuestMemory.UserBase, 4096 },
        { 0, 1UL << 62, GuestMemory.UserBase, 1UL << 62 },
    };

    [Theory]
    [MemberData(nameof(ImpossibleRings))]
    public void test_regression_cve_2018_1059_and_2020_10725_ring_areas_are_checked_whole(ulong descriptors, ulong avail, ulong used)
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        using var kick = new EventNotifier();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.Front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 256)));
        fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(new VringAddress(0, 0, descriptors, used, avail, 0)));
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), kick.Fd);
        Assert.Empty(fixture.Device.Running);

        // A running ring can't be moved there either.
        fixture.SetUpRing(0);
        fixture.Kick(0);
        fixture.Front.Refused(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(new VringAddress(0, 0, descriptors, used, avail, 0)));
        Assert.Equal([0], fixture.Device.Running);
    }

    [Theory]
    [MemberData(nameof(ImpossibleRegions))]
    public void test_regression_memory_regions_are_checked_before_they_are_mapped(ulong address, ulong size, ulong user, ulong offset)
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        byte[] payload = new byte[40];
        Wire.Write(payload.AsSpan(8), new MemoryRegionPayload(address, size, user, offset));
        fixture.Front.Refused(RequestCode.ADD_MEM_REG, payload, guest.File.Value);
        Wire.Write(payload, 1u);
        fixture.Front.Refused(RequestCode.SET_MEM_TABLE, payload, guest.File.Value);
        Assert.Empty(fixture.Session.State.Memory.Regions);
    }

    [Fact]
    public void test_regression_regions_must_not_overlap_in_either_space()
    {
        using var one = new GuestMemory();
        using var two = new GuestMemory(guestAddress: Size - 4096);
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Refused(RequestCode.SET_MEM_TABLE, GuestMemory.Table(one, two), one.File.Value, two.File.Value);
        byte[] payload = new byte[40];
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, one.SingleRegion, one.File.Value);
        Wire.Write(payload.AsSpan(8), new MemoryRegionPayload(1UL << 40, Size, GuestMemory.UserBase + 4096, 0));
        fixture.Front.Refused(RequestCode.ADD_MEM_REG, payload, two.File.Value);
    }

    [Theory]
    [InlineData(0u, 40)]
    [InlineData(2u, 40)]
    [InlineData(9u, 264)]
    [InlineData(uint.MaxValue, 264)]
    [InlineData(1u, 8)]
    [InlineData(1u, 41)]
    public void test_regression_a_region_count_that_does_not_fit_the_payload_ends_the_connection(uint count, int length)
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        byte[] payload = new byte[length];
        Wire.Write(payload, count);
        fixture.Front.Fatal(RequestCode.SET_MEM_TABLE, payload, guest.File.Value);
    }

    [Fact]
    public void test_regression_cve_2020_10723_ring_numbers_are_bounded_in_every_message()
    {
        using var fixture = new SessionFixture(options: new SessionOptions { AllowedProtocolFeatures = ulong.MaxValue });
        fixture.Negotiate();
        foreach (uint index in new[] { 4u, 255u, 256u, 0x7fff_ffffu, uint.MaxValue })
        {
            byte[] state = Wire.ToBytes(new VringState(index, 1));
            fixture.Front.Refused(RequestCode.SET_VRING_NUM, state);
            fixture.Front.Refused(RequestCode.SET_VRING_BASE, state);
            fixture.Front.Refused(RequestCode.SET_VRING_ENABLE, state);
            fixture.Front.Refused(RequestCode.SET_VRING_ENDIAN, state);
            fixture.Front.Refused(RequestCode.VRING_KICK, Wire.ToBytes(new VringState(index, 0)));
            fixture.Front.Refused(RequestCode.SET_VRING_ADDR, Wire.ToBytes(SessionFixture.Address(0) with { Index = index }));
        }

        using var notifier = new EventNotifier();
        fixture.Front.Refused(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(4UL), notifier.Fd);
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(255UL), notifier.Fd);
        fixture.Front.Refused(RequestCode.SET_VRING_ERR, RawFrontEnd.Bytes(128UL), notifier.Fd);
        fixture.Front.Fatal(RequestCode.GET_VRING_BASE, Wire.ToBytes(new VringState(4, 0)));
    }

    [Fact]
    public void test_regression_one_front_ends_end_does_not_touch_another()
    {
        using var guest = new GuestMemory();
        using var good = new SessionFixture();
        good.Negotiate();
        good.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        good.SetUpRing(0);
        good.Kick(0);
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out int ours, out int theirs));
        var device = new RecordingDevice();
        using var bad = new VhostUserSession(good.Context, new FileDescriptor(ours), device, "bad", new SessionOptions { Log = good.Log });
        using var front = new RawFrontEnd(good.Context, new FileDescriptor(theirs));
        bad.Start();
        front.SendBytes(Wire.ToBytes(new MessageHeader(1, 0xffff_ffff, 0xffff_ffff)));
        Assert.True(front.IsClosed());
        Assert.Equal([0], good.Device.Running);
        good.Front.Tell(RequestCode.SET_OWNER);
        Assert.Contains(good.Log.Lines, l => l.StartsWith("Error bad: connection ended: message 1", StringComparison.Ordinal));
    }

    [Fact]
    public void test_regression_messages_before_any_negotiation_are_harmless()
    {
        foreach (MessageSpec row in MessageTable.Rows)
        {
            using var guest = new GuestMemory();
            using var fixture = new SessionFixture();
            fixture.Front.Send(row.Code, new byte[row.PayloadMax], Enumerable.Repeat(guest.File.Value, row.DescriptorsMin).ToArray());
            fixture.Front.Settle();
            Assert.Empty(fixture.Device.Running);
        }
    }

    [Fact]
    public void test_regression_a_size_that_is_no_power_of_two_does_not_start_a_split_ring()
    {
        using var guest = new GuestMemory();
        using var kick = new EventNotifier();
        using var fixture = new SessionFixture();

        // Told before the format is known.
        fixture.Front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 100)));
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0)));
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), kick.Fd);
    }

    [Fact]
    public void test_regression_a_packed_base_beyond_the_ring_starts_at_its_beginning()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.RING_PACKED);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0, position: 0xffff_ffff);
        fixture.Kick(0);
        Assert.Equal(0x8000_8000u, fixture.GetBase(0));
    }
}
