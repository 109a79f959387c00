using VhostNet.Aio;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Every message as it should be, and as it should not be. The ring messages have tests of their own besides.</summary>
public sealed class MessageTests
{
    private static readonly SessionOptions s_everything = new() { AllowedProtocolFeatures = ulong.MaxValue };

    public static TheoryData<RequestCode> AllRequests => [.. MessageTable.Rows.Select(r => r.Code)];

    [Theory]
    [MemberData(nameof(AllRequests))]
    public void TooFewOrTooManyBytesEndTheConnection(RequestCode request)
    {
        MessageSpec row = MessageTable.Find((uint)request)!;
        foreach (int size in new[] { row.PayloadMin - 1, row.PayloadMax + 1 }.Where(s => s >= 0 && s <= MessageHeader.PayloadSizeMax))
        {
            using var fixture = new SessionFixture(options: s_everything);
            fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM);
            using var notifiers = new Notifiers(row.DescriptorsMin);
            if (row.IsServed)
            {
                fixture.Front.Fatal(request, new byte[size], notifiers.Fds);
                Assert.Contains(fixture.Log.Lines, l => l.Contains($"{request} has {size} bytes", StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllRequests))]
    public void MissingOrSurplusDescriptorsEndTheConnection(RequestCode request)
    {
        MessageSpec row = MessageTable.Find((uint)request)!;
        foreach (int count in new[] { row.DescriptorsMin - 1, row.DescriptorsMax + 1 }.Where(c => c >= 0))
        {
            using var fixture = new SessionFixture(options: s_everything);
            fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM);
            using var notifiers = new Notifiers(count);
            if (row.IsServed)
            {
                fixture.Front.Fatal(request, new byte[row.PayloadMax], notifiers.Fds);
                Assert.Contains(fixture.Log.Lines, l => l.Contains($"{request} came with {count} descriptors", StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllRequests))]
    public void WithoutItsFeatureAMessageIsRefused(RequestCode request)
    {
        MessageSpec row = MessageTable.Find((uint)request)!;
        if (row.NeedsProtocol == 0 && row.NeedsVirtio == 0 && row.IsServed)
        {
            return;
        }

        using var fixture = new SessionFixture();
        fixture.Negotiate(protocolFeatures: ProtocolFeatures.REPLY_ACK);
        using var notifiers = new Notifiers(row.DescriptorsMin);
        if (row.Reply == ReplyKind.Own)
        {
            fixture.Front.Fatal(request, new byte[row.PayloadMax], notifiers.Fds);
        }
        else
        {
            fixture.Front.Refused(request, new byte[row.PayloadMax], notifiers.Fds);
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(46u)]
    [InlineData(1000u)]
    [InlineData(uint.MaxValue)]
    public void AnUnknownRequestIsRefused(uint request)
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Refused((RequestCode)request);
        fixture.Front.AskAcknowledgement = false;
        fixture.Front.Fatal((RequestCode)request);
        Assert.Contains(fixture.Log.Lines, l => l.Contains($"there is no request {request}", StringComparison.Ordinal));
    }

    [Fact]
    public void AReplyThatNobodyAskedForEndsTheConnection()
    {
        using var fixture = new SessionFixture();
        fixture.Front.Send((uint)RequestCode.GET_FEATURES, default, flags: MessageHeader.ReplyFlags);
        Assert.True(fixture.Front.IsClosed());
    }

    [Fact]
    public void NeedReplyWithoutReplyAckIsIgnored()
    {
        using var fixture = new SessionFixture();
        fixture.Front.Send((uint)RequestCode.SET_OWNER, default, flags: MessageHeader.Version | MessageHeader.NeedReplyFlag);
        fixture.Front.Send(RequestCode.GET_FEATURES);
        Assert.Equal((uint)RequestCode.GET_FEATURES, fixture.Front.ReceiveReply().Header.Request);
    }

    [Fact]
    public void OnlyOfferedFeaturesCanBeAcknowledged()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Refused(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(1UL << 50));
        fixture.Front.Refused(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(ProtocolFeatures.XEN_MMAP));
        Assert.Equal(VirtioFeatures.VERSION_1, fixture.Device.Acknowledged);
    }

    [Fact]
    public void InBandAndSkipDrainNeedTheirPrerequisites()
    {
        foreach (ulong features in new[] { ProtocolFeatures.INBAND_NOTIFICATIONS, ProtocolFeatures.INBAND_NOTIFICATIONS | ProtocolFeatures.REPLY_ACK,
            ProtocolFeatures.GET_VRING_BASE_INFLIGHT, ProtocolFeatures.GET_VRING_BASE_SKIP_DRAIN | ProtocolFeatures.INFLIGHT_SHMFD })
        {
            using var fixture = new SessionFixture(options: s_everything);
            fixture.Front.Fatal(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(features));
        }
    }

    [Fact]
    public void MemoryTablesAreReplacedWhileRingsRun()
    {
        using var guest = new GuestMemory();
        using var more = new GuestMemory(guestAddress: 1UL << 32);
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        Virtqueue queue = fixture.Device.Queues[0];
        nint before = queue.Layout.Descriptors;
        MemoryTable old = fixture.Session.State.Memory;

        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest, more), guest.File.Value, more.File.Value);
        Assert.NotEqual(before, queue.Layout.Descriptors);
        Assert.True(queue.Layout.Buffers.TryTranslate(1UL << 32, 16, out _));
        Assert.True(old.Regions[0].File.IsClosed);
        Assert.Equal(["start 0", "changed 0 off"], fixture.Device.Calls.TakeLast(2));

        // One that leaves the running ring out changes nothing.
        fixture.Front.Refused(RequestCode.SET_MEM_TABLE, GuestMemory.Table(more), more.File.Value);
        Assert.Equal(2, fixture.Session.State.Memory.Regions.Count);
    }

    [Fact]
    public void RegionsComeAndGoOneByOne()
    {
        using var guest = new GuestMemory();
        using var more = new GuestMemory(guestAddress: 1UL << 32);
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, more.SingleRegion, more.File.Value);

        // QEMU with several queue pairs adds and removes each region once for each pair; what is so already is accepted and changes nothing.
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, more.SingleRegion, more.File.Value);
        Assert.Equal(2, fixture.Session.State.Memory.Regions.Count);
        fixture.Front.Refused(RequestCode.REM_MEM_REG, guest.SingleRegion);

        // A stray descriptor is closed unused.
        fixture.Front.Tell(RequestCode.REM_MEM_REG, more.SingleRegion, more.File.Value);
        fixture.Front.Tell(RequestCode.REM_MEM_REG, more.SingleRegion);
        Assert.Single(fixture.Session.State.Memory.Regions);
        Assert.Contains(0, fixture.Device.Running);
    }

    [Fact]
    public void FiveHundredAndNineRegionsFit()
    {
        using var fixture = new SessionFixture(options: new SessionOptions { SealPolicy = SealPolicy.Off, Quotas = new SessionQuotas { Regions = 509 } });
        fixture.Negotiate();
        using var guest = new GuestMemory(4096);
        int slots = (int)fixture.Front.Ask<ulong>(RequestCode.GET_MAX_MEM_SLOTS);
        byte[] payload = guest.SingleRegion;
        for (int i = 0; i <= slots; i++)
        {
            ulong address = (ulong)i * 0x10000;
            Wire.Write(payload.AsSpan(8), new MemoryRegionPayload(address, 4096, GuestMemory.UserBase + address, 0));
            if (i < slots)
            {
                fixture.Front.Tell(RequestCode.ADD_MEM_REG, payload, guest.File.Value);
            }
            else
            {
                fixture.Front.Refused(RequestCode.ADD_MEM_REG, payload, guest.File.Value);
            }
        }

        Assert.Equal(509, fixture.Session.State.Memory.Regions.Count);
    }

    [Fact]
    public void MemoryThatCanShrinkIsRefusedOrWarnedOf()
    {
        using var guest = new GuestMemory(seal: false);
        using var strict = new SessionFixture(options: new SessionOptions { SealPolicy = SealPolicy.Refuse });
        strict.Negotiate();
        strict.Front.Refused(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        using var lenient = new SessionFixture();
        lenient.Negotiate();
        lenient.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        Assert.Contains(lenient.Log.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal) && l.Contains("F_SEAL_SHRINK", StringComparison.Ordinal));
    }

    [Fact]
    public void DeviceRequestsReachTheDeviceAndItsAnswerTheFrontEnd()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.SEND_RARP, RawFrontEnd.Bytes(0x0605_0403_0201UL));
        fixture.Front.Tell(RequestCode.NET_SET_MTU, RawFrontEnd.Bytes(1500UL));
        fixture.Front.Tell(RequestCode.SET_STATUS, RawFrontEnd.Bytes(0xfUL));
        Assert.Equal(0xfUL, fixture.Front.Ask<ulong>(RequestCode.GET_STATUS));
        Assert.Equal(
            [new(DeviceRequestKind.Connected, (ulong)Environment.ProcessId), new(DeviceRequestKind.Announce, 0x0605_0403_0201), new(DeviceRequestKind.SetMtu, 1500), new(DeviceRequestKind.StatusChanged, 0xf)],
            fixture.Device.Requests);

        fixture.Device.Accepts = false;
        fixture.Front.Refused(RequestCode.NET_SET_MTU, RawFrontEnd.Bytes(67UL));
        fixture.Front.Refused(RequestCode.SET_STATUS, RawFrontEnd.Bytes(0UL));
        fixture.Front.Refused(RequestCode.SET_STATUS, RawFrontEnd.Bytes(0x100UL));
        Assert.Equal(0xfUL, fixture.Front.Ask<ulong>(RequestCode.GET_STATUS));

        // What the device declines is no reason to close a connection that did not ask.
        fixture.Front.AskAcknowledgement = false;
        fixture.Front.Tell(RequestCode.NET_SET_MTU, RawFrontEnd.Bytes(67UL));
        Assert.False(fixture.Front.IsClosed());
    }

    [Fact]
    public void ConfigurationSpaceIsReadAndWritten()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        (MessageHeader header, byte[] reply) = AskConfig(fixture, new ConfigHeader(2, 4, 0), 4);
        Assert.Equal(16u, header.PayloadSize);
        Assert.Equal(new ConfigHeader(2, 4, 0), Wire.Read<ConfigHeader>(reply));
        Assert.Equal([3, 4, 5, 6], reply[12..]);

        // Outside: an empty payload says so.
        Assert.Equal(0u, AskConfig(fixture, new ConfigHeader(6, 4, 0), 4).Header.PayloadSize);

        byte[] write = [.. RawFrontEnd.Bytes(new ConfigHeader(0, 2, 0)), 9, 9];
        fixture.Front.Refused(RequestCode.SET_CONFIG, write);
        Wire.Write(write, new ConfigHeader(0, 2, ConfigHeader.MigrationFlag));
        fixture.Front.Tell(RequestCode.SET_CONFIG, write);
        Assert.Equal([9, 9, 3], fixture.Device.Config[..3]);
        Wire.Write(write, new ConfigHeader(0, 2, 2));
        fixture.Front.Refused(RequestCode.SET_CONFIG, write);
        Wire.Write(write, new ConfigHeader(0, 3, 0));
        fixture.Front.Fatal(RequestCode.SET_CONFIG, write);
    }

    [Fact]
    public void ResetStopsAndDisablesAllRings()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Enable(0);
        fixture.Kick(0);
        fixture.Front.Tell(RequestCode.RESET_DEVICE);
        Assert.Empty(fixture.Device.Running);
        Assert.Equal(DeviceRequestKind.Reset, fixture.Device.Requests[^1].Kind);

        // A device that forgets what was negotiated is told again: the front end acknowledges the same features, or none.
        Assert.Equal(["Reset", $"features {VirtioFeatures.VERSION_1:x}"], fixture.Device.Calls.TakeLast(2));

        // Ready to be set up again, without being owned anew.
        fixture.SetUpRing(0);
        fixture.Kick(0);
        Assert.False(fixture.Device.Queues[0].Enabled);
    }

    [Fact]
    public void ANotifierMustBeOneAndNotAFile()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        using var file = new GuestMemory();
        fixture.Front.Refused(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), file.File.Value);
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), file.File.Value);
        fixture.Front.Refused(RequestCode.SET_VRING_ERR, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), file.File.Value);
        Assert.Equal(0, pipe2(out int read, out int write, O_CLOEXEC));
        using var reader = new FileDescriptor(read);
        using var writer = new FileDescriptor(write);
        fixture.Front.Refused(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), writer.Value);
        using FileDescriptor poller = FileDescriptor.FromResult(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), poller.Value);
        fixture.Front.Refused(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)));
        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0, noFd: true)));
    }

    [Fact]
    public void ARingThatTheDeviceCanNotStartIsRefusedAndTheOthersFollowAllTheSame()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Device.OnStart = q =>
        {
            if (q.Index == 0)
            {
                throw new ErrnoException("epoll_ctl", new Errno(EPERM));
            }
        };
        fixture.Negotiate();
        fixture.SetUpRing(0);
        fixture.SetUpRing(1);
        fixture.Kick(0);
        fixture.Kick(1);
        fixture.Front.Refused(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        Assert.Equal([1], fixture.Device.Running);
        fixture.Device.OnStart = null;
        fixture.Kick(0);
        Assert.Equal([0, 1], fixture.Device.Running.Order());
    }

    [Fact]
    public void TheSpecificationsValueBoundsAreKept()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        RawFrontEnd front = fixture.Front;
        front.Refused(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 0)));
        front.Refused(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 32769)));
        front.Refused(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 100)));
        front.Refused(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(4, 256)));
        front.Refused(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(uint.MaxValue, 256)));
        front.Refused(RequestCode.SET_VRING_BASE, RawFrontEnd.Bytes(new VringState(0, 0x10000)));
        front.Refused(RequestCode.SET_VRING_ENABLE, RawFrontEnd.Bytes(new VringState(0, 2)));
        front.Refused(RequestCode.SET_VRING_ENDIAN, RawFrontEnd.Bytes(new VringState(0, 2)));
        front.Refused(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0, flags: 2)));
        front.Refused(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(255, noFd: true)));
    }

    [Fact]
    public void AMessageThatARunningRingForbidsIsRefused()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        RawFrontEnd front = fixture.Front;
        front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        front.Refused(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 128)));
        front.Refused(RequestCode.SET_VRING_BASE, RawFrontEnd.Bytes(new VringState(0, 1)));
        front.Refused(RequestCode.SET_VRING_ENDIAN, RawFrontEnd.Bytes(new VringState(0, 1)));
        front.Refused(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.EVENT_IDX));
        front.Refused(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(ProtocolFeatures.REPLY_ACK));
        front.Refused(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0) with { Descriptor = 0x1000 }));

        // What may change.
        front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.LOG_ALL));
        front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(1) with { Index = 0 }));
        front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 256)));
        fixture.Enable(0);
        Assert.Equal([0], fixture.Device.Running);
    }

    [Fact]
    public void LegacyRingsOfTheOtherByteOrderAreSwapped()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate(VirtioFeatures.PROTOCOL_FEATURES);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Front.Tell(RequestCode.SET_VRING_ENDIAN, RawFrontEnd.Bytes(new VringState(0, 1)));
        fixture.Kick(0);
        Assert.Equal(BitConverter.IsLittleEndian, fixture.Device.Queues[0].Layout.SwapBytes);
    }

    /// <summary>Configuration space is in the guest's order, once it is known: it is for a legacy guest only, and SET_VRING_ENDIAN tells.</summary>
    [Theory]
    [InlineData(0, 1u, true)]
    [InlineData(0, 0u, false)]
    [InlineData(0, null, false)]
    [InlineData(VirtioFeatures.VERSION_1, 1u, false)]
    public void TheDeviceIsToldTheOrderOfConfigurationSpace(ulong features, uint? endian, bool bigEndian)
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate(VirtioFeatures.PROTOCOL_FEATURES | features);
        if (endian is { } value)
        {
            fixture.Front.Tell(RequestCode.SET_VRING_ENDIAN, RawFrontEnd.Bytes(new VringState(0, value)));
        }

        AskConfig(fixture, new ConfigHeader(2, 4, 0), 4);
        Assert.Equal(bigEndian, fixture.Device.ConfigWasBigEndian);
    }

    [Fact]
    public void WithGpaAddressesRingAddressesAreGuestPhysical()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture(options: s_everything);
        fixture.Negotiate(protocolFeatures: ProtocolFeatures.REPLY_ACK | ProtocolFeatures.GPA_ADDRESSES | ProtocolFeatures.CONFIGURE_MEM_SLOTS);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.Front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 256)));
        fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(new VringAddress(0, 0, 0, 0x2000, 0x1000, 0)));
        fixture.Kick(0);
        Assert.Equal([0], fixture.Device.Running);
    }

    [Fact]
    public void ABrokenRingSetsItsErrorNotifier()
    {
        using var guest = new GuestMemory();
        using var error = new EventNotifier();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Front.Tell(RequestCode.SET_VRING_ERR, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), error.Fd);
        fixture.Kick(0);
        Virtqueue queue = fixture.Device.Queues[0];
        Wire.Write(guest.Mapping.AsSpan()[0x1002..], (ushort)300);
        using var burst = new ChainBurst();
        queue.RunLocked(locked => Assert.Equal(0, locked.Peek(burst, 32, ChainDirection.Readable)));
        Assert.True(error.TestAndClear());
        fixture.Front.Settle();
        Assert.Contains(fixture.Log.Lines, l => l.Contains("ring 0 is broken", StringComparison.Ordinal));
    }

    [Fact]
    public void ACallNotifierThatComesLateIsSetOnce()
    {
        using var guest = new GuestMemory();
        using var call = new EventNotifier();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        Assert.True(call.TestAndClear());
        Assert.NotNull(fixture.Device.Queues[0].CallNotifier);
        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0, noFd: true)));
        Assert.Null(fixture.Device.Queues[0].CallNotifier);
    }

    private static (MessageHeader Header, byte[] Payload) AskConfig(SessionFixture fixture, ConfigHeader header, int length)
    {
        byte[] payload = [.. RawFrontEnd.Bytes(header), .. new byte[length]];
        fixture.Front.Send(RequestCode.GET_CONFIG, payload);
        return fixture.Front.ReceiveReply();
    }

    private sealed class Notifiers : IDisposable
    {
        private readonly EventNotifier[] _notifiers;

        public Notifiers(int count) => _notifiers = [.. Enumerable.Range(0, count).Select(_ => new EventNotifier())];

        public int[] Fds => [.. _notifiers.Select(n => n.Fd)];

        public void Dispose() => Array.ForEach(_notifiers, n => n.Dispose());
    }
}
