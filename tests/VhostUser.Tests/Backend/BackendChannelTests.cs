using VhostNet.Aio;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>What goes over the back end's own channel: configuration changes, in-band notifications, I/O translation misses.</summary>
public sealed class BackendChannelTests : IDisposable
{
    private readonly GuestMemory _guest = new();
    private readonly SessionFixture _fixture = new(options: new SessionOptions { AllowedProtocolFeatures = ~ProtocolFeatures.GPA_ADDRESSES });
    private readonly RawFrontEnd _channel;
    private readonly FileDescriptor _theirs;

    public BackendChannelTests()
    {
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out int ours, out int theirs));
        _channel = new RawFrontEnd(_fixture.Context, new FileDescriptor(ours));
        _theirs = new FileDescriptor(theirs);
    }

    public void Dispose()
    {
        _fixture.Dispose();
        _channel.Dispose();
        _theirs.Dispose();
        _guest.Dispose();
    }

    [Fact]
    public void AConfigChangeIsSentWhenTheDeviceIsNotSuspended()
    {
        Assert.False(_fixture.Session.NotifyConfigChanged());
        SetUp(SessionFixture.SplitFeatures);
        Assert.True(_fixture.Session.NotifyConfigChanged());
        AssertSilent();
        _fixture.SetUpRing(0);
        _fixture.Kick(0);
        Assert.Equal(BackendRequestCode.CONFIG_CHANGE_MSG, Receive(out _));
        Assert.True(_fixture.Session.NotifyConfigChanged());
        Assert.Equal(BackendRequestCode.CONFIG_CHANGE_MSG, Receive(out _));
    }

    [Fact]
    public void InBandNotificationsGoBothWays()
    {
        SetUp(SessionFixture.SplitFeatures);
        _fixture.SetUpRing(0);

        // The first kick starts the ring.
        _fixture.Front.Tell(RequestCode.VRING_KICK, RawFrontEnd.Bytes(new VringState(0, 0)));
        Virtqueue queue = _fixture.Device.Queues[0];
        Assert.True(queue.Kick!.TestAndClear());
        _fixture.Front.Tell(RequestCode.VRING_KICK, RawFrontEnd.Bytes(new VringState(0, 0)));
        Assert.True(queue.Kick!.TestAndClear());
        _fixture.Front.Refused(RequestCode.VRING_KICK, RawFrontEnd.Bytes(new VringState(0, 1)));

        var ring = new TestRing(_guest, 0);
        ring.Add(0, 0x1_0000, 64, write: false);
        TestRing.Serve(queue, ChainDirection.Readable);
        Assert.Equal(BackendRequestCode.VRING_CALL, Receive(out byte[] payload));
        Assert.Equal(new VringState(0, 0), Wire.Read<VringState>(payload));

        // A notifier takes over.
        using var call = new EventNotifier();
        _fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        ring.Add(1, 0x1_0000, 64, write: false);
        TestRing.Serve(queue, ChainDirection.Readable);
        Assert.True(call.TestAndClear());
        AssertSilent();

        ring.Add(300, 0x1_0000, 64, write: false);
        TestRing.Serve(queue, ChainDirection.Readable);
        Assert.Equal(BackendRequestCode.VRING_ERR, Receive(out _));
    }

    [Fact]
    public void MissesAreAskedForOnceAndTheRingStartsWhenTheyAreAnswered()
    {
        SetUp(SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM);
        using var call = new EventNotifier();
        _fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        _fixture.Front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 256)));

        // I/O addresses: descriptors at 0x100000, avail at 0x200000, used at 0x300000.
        _fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(new VringAddress(0, 0, 0x10_0000, 0x30_0000, 0x20_0000, 0)));
        _fixture.Kick(0);
        Assert.Empty(_fixture.Device.Running);
        Assert.Equal((0x10_0000UL, IotlbPayload.ReadPermission), ReceiveMiss());
        Assert.Equal(0UL, Update(0x10_0000, 0, 4096, 3));
        Assert.Equal((0x20_0000UL, IotlbPayload.ReadPermission), ReceiveMiss());
        Assert.Equal(0UL, Update(0x20_0000, 0x1000, 4096, 1));
        Assert.Equal((0x30_0000UL, IotlbPayload.WritePermission), ReceiveMiss());
        Assert.Equal(0UL, Update(0x30_0000, 0x2000, 4096, 1));
        Assert.Equal((0x30_0000UL, IotlbPayload.WritePermission), ReceiveIotlb(IotlbPayload.AccessFail));
        AssertSilent();
        Assert.Equal(0UL, Update(0x30_0000, 0x2000, 4096, 3));
        Assert.Equal([0], _fixture.Device.Running);

        // A buffer that is not there yet.
        Virtqueue queue = _fixture.Device.Queues[0];
        var ring = new TestRing(_guest, 0);
        ring.Add(0, 0x40_0800, 64, write: false);
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Readable));
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Readable));
        Assert.Equal((0x40_0800UL, IotlbPayload.ReadPermission), ReceiveMiss());
        AssertSilent();
        Assert.Equal(0UL, Update(0x40_0000, 0x5000, 4096, 1));
        Assert.Equal("changed 0 off", _fixture.Device.Calls[^1]);
        Assert.Equal(1, TestRing.Serve(queue, ChainDirection.Readable));

        // Taken away again: the buffer misses, then a ring area and the ring rests until it is back.
        Assert.Equal(0UL, Invalidate(0x40_0000, 4096));
        ring.Add(1, 0x40_0800, 64, write: false);
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Readable));
        Assert.Equal((0x40_0800UL, IotlbPayload.ReadPermission), ReceiveMiss());
        Assert.Equal(0UL, Invalidate(0x20_0000, 1));
        Assert.Empty(_fixture.Device.Running);
        Assert.Equal(0x20_0000UL, ReceiveMiss().Address);
        Assert.Equal(0UL, Update(0x20_0000, 0x1000, 4096, 1));
        Assert.Equal([0], _fixture.Device.Running);
        Assert.Equal(0UL, Update(0x40_0000, 0x5000, 4096, 1));
        Assert.Equal(1, TestRing.Serve(_fixture.Device.Queues[0], ChainDirection.Readable));
        Assert.Equal(2, ring.UsedIndex);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnAccessThatTheFrontEndDoesNotAllowFailsOnceAndTheRingGoesOn(bool byTranslation)
    {
        Virtqueue queue = StartBehindIommu();
        var ring = new TestRing(_guest, 0);
        ring.Add(0, 0x40_0800, 64, write: true);
        ring.Add(1, 0x10_0800, 64, write: true);
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Writable));
        Assert.Equal((0x40_0800UL, IotlbPayload.WritePermission), ReceiveMiss());
        if (byTranslation)
        {
            Assert.Equal(0UL, Update(0x40_0000, 0x5000, 4096, IotlbPayload.ReadPermission));
        }
        else
        {
            Acknowledge(1);
        }

        Assert.Equal((0x40_0800UL, IotlbPayload.WritePermission), ReceiveIotlb(IotlbPayload.AccessFail));
        Assert.StartsWith("changed 0", _fixture.Device.Calls[^1], StringComparison.Ordinal);
        Assert.Equal(2, TestRing.Serve(queue, ChainDirection.Writable));
        Assert.Equal((0u, 0u), ring.Used(0));
        Assert.Equal(1, queue.Counters.MalformedChains);

        // The guest maps the page after all, of which a front end says nothing: the next chain asks again.
        ring.Add(2, 0x40_0800, 64, write: true);
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Writable));
        Assert.Equal((0x40_0800UL, IotlbPayload.WritePermission), ReceiveMiss());
        Assert.Equal(0UL, Update(0x40_0000, 0x5000, 4096, 3));
        Acknowledge(0);
        Assert.Equal(1, TestRing.Serve(queue, ChainDirection.Writable));
        AssertSilent();
    }

    [Fact]
    public void test_regression_a_chain_without_bytes_is_no_miss()
    {
        Virtqueue queue = StartBehindIommu();
        var ring = new TestRing(_guest, 0);
        ring.Add(0, 0x50_0000, 0, write: false);
        Assert.Equal(1, TestRing.Serve(queue, ChainDirection.Readable));
        Assert.Equal(ChainStatus.Empty, queue.LastError);
        AssertSilent();
    }

    [Fact]
    public void test_regression_an_indirect_table_of_a_receive_chain_is_only_read()
    {
        // Linux maps it for reading: asked for to be written, QEMU finds no such translation.
        Virtqueue queue = StartBehindIommu();
        var ring = new TestRing(_guest, 0);
        ring.AddTable(0, 0x60_0000, 16);
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Writable));
        Assert.Equal((0x60_0000UL, IotlbPayload.ReadPermission), ReceiveMiss());
    }

    [Fact]
    public void test_regression_misses_from_before_the_channel_are_asked_for_when_it_comes()
    {
        _fixture.Negotiate(IommuFeatures);
        _fixture.Front.Tell(RequestCode.ADD_MEM_REG, _guest.SingleRegion, _guest.File.Value);
        Virtqueue queue = StartIommuRing();
        new TestRing(_guest, 0).Add(0, 0x40_0000, 64, write: false);
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Readable));
        _fixture.Front.Settle();
        _fixture.Device.Calls.Clear();
        _fixture.Front.Tell(RequestCode.SET_BACKEND_REQ_FD, default, _theirs.Value);
        Assert.StartsWith("changed 0", Assert.Single(_fixture.Device.Calls), StringComparison.Ordinal);
        Assert.Equal(0, TestRing.Serve(queue, ChainDirection.Readable));
        Assert.Equal((0x40_0000UL, IotlbPayload.ReadPermission), ReceiveMiss());
    }

    [Fact]
    public void BadTranslationsAreAnsweredWithAnError()
    {
        SetUp(SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM);
        Assert.Equal(1UL, Update(ulong.MaxValue, 0, 4096, 3));
        Assert.Equal(1UL, _fixture.Front.Ask<ulong>(RequestCode.IOTLB_MSG, RawFrontEnd.Bytes(new IotlbPayload(0, 0, 0, 0, IotlbPayload.Miss))));
        Assert.Equal(1UL, _fixture.Front.Ask<ulong>(RequestCode.IOTLB_MSG, RawFrontEnd.Bytes(new IotlbPayload(0, 0, 0, 0, 0))));
    }

    [Fact]
    public void TheChannelsEndIsNotTheSessions()
    {
        SetUp(SessionFixture.SplitFeatures);
        _channel.Send(77, default, flags: MessageHeader.Version);
        Assert.True(_channel.IsClosed());
        Assert.False(_fixture.Session.NotifyConfigChanged());
        Assert.False(_fixture.Front.IsClosed());
    }

    [Fact]
    public void RepliesOnTheChannelAreDropped()
    {
        SetUp(SessionFixture.SplitFeatures);
        _channel.Send((uint)BackendRequestCode.CONFIG_CHANGE_MSG, RawFrontEnd.Bytes(1UL), flags: MessageHeader.ReplyFlags);
        Assert.False(_channel.IsClosed());

        // One that can't be an acknowledgement ends the channel.
        _channel.Send((uint)BackendRequestCode.IOTLB_MSG, [1, 2, 3], flags: MessageHeader.ReplyFlags);
        Assert.True(_channel.IsClosed());
        Assert.False(_fixture.Front.IsClosed());
    }

    [Fact]
    public void OnlyASocketCanBeTheChannel()
    {
        _fixture.Negotiate();
        _fixture.Front.Refused(RequestCode.SET_BACKEND_REQ_FD, default, _guest.File.Value);
    }

    private void SetUp(ulong features)
    {
        _fixture.Negotiate(features);
        _fixture.Front.Tell(RequestCode.SET_BACKEND_REQ_FD, default, _theirs.Value);
        _theirs.Dispose();
        _fixture.Front.Tell(RequestCode.ADD_MEM_REG, _guest.SingleRegion, _guest.File.Value);
    }

    private const ulong IommuFeatures = SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM | VirtioFeatures.INDIRECT_DESC;

    private Virtqueue StartBehindIommu()
    {
        SetUp(IommuFeatures);
        return StartIommuRing();
    }

    /// <summary>Ring 0 at I/O addresses from 0x100000 on, which are guest memory from 0 on.</summary>
    private Virtqueue StartIommuRing()
    {
        using var call = new EventNotifier();
        _fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        Assert.Equal(0UL, Update(0x10_0000, 0, 0x4000, 3));
        _fixture.Front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 256)));
        _fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(new VringAddress(0, 0, 0x10_0000, 0x10_2000, 0x10_1000, 0)));
        _fixture.Kick(0);
        return _fixture.Device.Queues[0];
    }

    private void Acknowledge(ulong result)
    {
        _channel.Send((uint)BackendRequestCode.IOTLB_MSG, RawFrontEnd.Bytes(result), flags: MessageHeader.ReplyFlags);
        _fixture.Front.Settle();
    }

    private ulong Update(ulong address, ulong target, ulong size, byte permission) => _fixture.Front.Ask<ulong>(
        RequestCode.IOTLB_MSG, RawFrontEnd.Bytes(new IotlbPayload(address, size, GuestMemory.UserBase + target, permission, IotlbPayload.Update)));

    private ulong Invalidate(ulong address, ulong size) =>
        _fixture.Front.Ask<ulong>(RequestCode.IOTLB_MSG, RawFrontEnd.Bytes(new IotlbPayload(address, size, 0, 0, IotlbPayload.Invalidate)));

    private (ulong Address, byte Permission) ReceiveMiss() => ReceiveIotlb(IotlbPayload.Miss);

    private (ulong Address, byte Permission) ReceiveIotlb(byte type)
    {
        // With REPLY_ACK a miss asks whether it could be resolved.
        Assert.Equal(BackendRequestCode.IOTLB_MSG, Receive(out byte[] payload, type == IotlbPayload.Miss));
        var message = Wire.Read<IotlbPayload>(payload);
        Assert.Equal(type, message.Type);
        return (message.IoAddress, message.Permission);
    }

    private BackendRequestCode Receive(out byte[] payload, bool needsReply = false)
    {
        var header = Wire.Read<MessageHeader>(_channel.Receive(MessageHeader.Size));
        Assert.Equal(MessageHeader.Version | (needsReply ? MessageHeader.NeedReplyFlag : 0), header.Flags);
        payload = _channel.Receive((int)header.PayloadSize);
        return (BackendRequestCode)header.Request;
    }

    private void AssertSilent()
    {
        _fixture.Front.Settle();
        Span<byte> one = stackalloc byte[1];
        if (recv(_channel.Socket.Value, one, MSG_DONTWAIT | MSG_PEEK) == 1)
        {
            Assert.Fail($"unexpected {Receive(out byte[] payload)}: {Convert.ToHexString(payload)}");
        }

        Assert.Equal(EAGAIN, errno);
    }
}
