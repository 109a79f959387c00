using System.Runtime.CompilerServices;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Tests.Protocol;

public sealed class MessageTableTests
{
    [Fact]
    public void EveryRequestHasOneRowUnderItsNumber()
    {
        RequestCode[] codes = [.. Enum.GetValues<RequestCode>().Where(c => c != RequestCode.NONE)];
        Assert.Equal(45, codes.Length);
        Assert.Equal(codes, MessageTable.Rows.Select(r => r.Code));
        Assert.All(codes, c => Assert.Equal(c, MessageTable.Find((uint)c)!.Code));
        Assert.Null(MessageTable.Find(0));
        Assert.Null(MessageTable.Find(46));
        Assert.Null(MessageTable.Find(uint.MaxValue));
    }

    [Fact]
    public void RequestsWithAReplyOfTheirOwnAreThoseOfTheSpecification()
    {
        // "Replies that exist without REPLY_ACK" in the reference, and the requests of other devices.
        uint[] own = [1, 11, 15, 17, 22, 24, 26, 28, 30, 31, 36, 40, 41, 42, 43, 44, 45];
        Assert.Equal(own, MessageTable.Rows.Where(r => r.Reply == ReplyKind.Own).Select(r => (uint)r.Code));
        uint[] conditional = [5, 6, 37];
        Assert.Equal(conditional, MessageTable.Rows.Where(r => r.Reply == ReplyKind.Conditional).Select(r => (uint)r.Code));
    }

    [Fact]
    public void WireSizesAreThoseOfTheReference()
    {
        Assert.Equal(12, Unsafe.SizeOf<MessageHeader>());
        Assert.Equal(VringState.Size, Unsafe.SizeOf<VringState>());
        Assert.Equal(VringAddress.Size, Unsafe.SizeOf<VringAddress>());
        Assert.Equal(MemoryRegionPayload.Size, Unsafe.SizeOf<MemoryRegionPayload>());
        Assert.Equal(LogPayload.Size, Unsafe.SizeOf<LogPayload>());
        Assert.Equal(IotlbPayload.Size, Unsafe.SizeOf<IotlbPayload>());
        Assert.Equal(ConfigHeader.Size, Unsafe.SizeOf<ConfigHeader>());
        Assert.Equal(InflightPayload.Size, Unsafe.SizeOf<InflightPayload>());
        Assert.Equal(DeviceStatePayload.Size, Unsafe.SizeOf<DeviceStatePayload>());
        Assert.Equal(8, Unsafe.SizeOf<VringFdPayload>());
    }

    [Fact]
    public void FeatureBitsHaveTheirNumbersAndNames()
    {
        Assert.Equal("MQ, REPLY_ACK, GET_VRING_BASE_SKIP_DRAIN", ProtocolFeatures.Describe(1 | (1 << 3) | (1 << 23)));
        Assert.Equal("bit 40", ProtocolFeatures.Describe(1UL << 40));
        Assert.Equal("none", ProtocolFeatures.Describe(0));
        Assert.Equal(1UL << 15, ProtocolFeatures.CONFIGURE_MEM_SLOTS);
        Assert.Equal(1UL << 19, ProtocolFeatures.DEVICE_STATE);
    }

    [Fact]
    public void ReplyFlagsAreFive() => Assert.Equal(5u, MessageHeader.Reply(1, 8).Flags);
}
