using VhostNet.Daemon.Handover;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Tests.Takeover;

/// <summary>Messages between two daemons, good and bad ones.</summary>
public sealed class HandoverChannelTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private readonly HandoverChannel _near;
    private readonly FileDescriptor _far;

    public HandoverChannelTests()
    {
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out int near, out int far));
        _near = new HandoverChannel(new FileDescriptor(near));
        _far = new FileDescriptor(far);
    }

    public void Dispose()
    {
        _near.Dispose();
        _far.Dispose();
    }

    [Fact]
    public async Task BytesAndManyDescriptorsArriveInOrder()
    {
        using var far = new HandoverChannel(_far.Duplicate());
        using var descriptors = new DescriptorList();
        for (int i = 0; i < 100; i++)
        {
            descriptors.Add(FileDescriptor.FromResult(memfd_create($"m{i}", MFD_CLOEXEC), "memfd_create"));
            Assert.Equal(0, ftruncate(descriptors.All[i].Value, i));
        }

        byte[] payload = new byte[3 << 20];
        new Random(1).NextBytes(payload);
        Task sent = Task.Run(() => _near.Send(HandoverKind.State, payload, descriptors.All, s_limit));
        using HandoverMessage message = far.Receive(HandoverKind.State, s_limit);
        await sent;
        Assert.Equal(payload, message.Payload);
        Assert.Equal(Enumerable.Range(0, 100), message.Descriptors.All.Select(LengthOf));
    }

    [Theory]
    [InlineData((int)HandoverKind.Ready, 0, 0, "Ready came where State is expected")]
    [InlineData((int)HandoverKind.State, -1, 0, "announces -1 bytes and 0 descriptors")]
    [InlineData((int)HandoverKind.State, int.MaxValue, 0, "announces 2147483647 bytes")]
    [InlineData((int)HandoverKind.State, 0, -5, "announces 0 bytes and -5 descriptors")]
    [InlineData((int)HandoverKind.State, 0, 70_000, "announces 0 bytes and 70000 descriptors")]
    [InlineData((int)HandoverKind.Failed, 70_000, 0, "announces 70000 bytes")]
    [InlineData((int)HandoverKind.Failed, 0, 1, "announces 0 bytes and 1 descriptors")]
    public void AHeaderThatPromisesTooMuchIsRefused(int kind, int bytes, int descriptors, string reason)
    {
        byte[] header = new byte[HandoverHeader.Size];
        new HandoverHeader((HandoverKind)kind, bytes, descriptors).Write(header);
        SocketMessages.Send(_far, header, []);
        Refused(reason);
    }

    [Fact]
    public void AMessageThatIsCutOffIsRefused()
    {
        byte[] header = new byte[HandoverHeader.Size];
        new HandoverHeader(HandoverKind.State, 100, 0).Write(header);
        SocketMessages.Send(_far, header, []);
        SocketMessages.Send(_far, new byte[40], []);
        _far.Dispose();
        Assert.True(Refused("ended or closed the connection").IsGone);
    }

    [Fact]
    public void DescriptorsThatDoNotComeAreNotWaitedForWithTheirBytes()
    {
        byte[] header = new byte[HandoverHeader.Size];
        new HandoverHeader(HandoverKind.State, 0, 2).Write(header);
        SocketMessages.Send(_far, header, []);
        SocketMessages.Send(_far, [2], [_far.Value]);
        Refused("1 descriptors came where 2 are expected");
    }

    [Fact]
    public void DescriptorsThatNobodyAnnouncedAreRefusedAndClosed()
    {
        byte[] header = new byte[HandoverHeader.Size];
        new HandoverHeader(HandoverKind.State, 4, 0).Write(header);
        SocketMessages.Send(_far, header, []);
        SocketMessages.Send(_far, "null"u8, [_far.Value]);
        Refused("descriptors came that nobody announced");
        _far.Dispose();
        Assert.True(_near.HasHungUp);
    }

    [Fact]
    public void ASilentPeerIsNotWaitedForLonger()
    {
        HandoverException refusal = Assert.Throws<HandoverException>(() => _near.Receive(HandoverKind.State, TimeSpan.FromMilliseconds(20)));
        Assert.Equal((false, "the other process did not answer in time"), (refusal.IsGone, refusal.Message));
    }

    [Fact]
    public void TheOtherEndsReasonIsPassedOn()
    {
        using var far = new HandoverChannel(_far.Duplicate());
        far.TrySendFailure("two\nlines");
        Refused("two lines");
    }

    [Theory]
    [InlineData("", "damaged")]
    [InlineData("null", "empty")]
    [InlineData("{\"Version\": 2}", "the state has form 2; this program reads 1 to 1")]
    [InlineData("{\"Version\": 0}", "the state has form 0")]
    [InlineData("{\"Ports\": [{\"Name\": \"a\"}]}", "damaged")]
    [InlineData("{\"Ports\": null}", "damaged")]
    [InlineData("[1", "damaged")]
    public void AStateThatCantBeUnderstoodIsRefused(string state, string reason)
    {
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => HandoverState.FromBytes(System.Text.Encoding.UTF8.GetBytes(state)));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OnlyOneOfTwoGoesOn()
    {
        using var old = Baton.Create();
        using var next = Baton.Open(old.File.Duplicate());
        Assert.True(next.TryTake());
        Assert.True(old.IsTaken);
        Assert.False(old.TryWithdraw());

        using var other = Baton.Create();
        using var late = Baton.Open(other.File.Duplicate());
        Assert.True(other.TryWithdraw());
        Assert.False(late.TryTake());
        Assert.Throws<InvalidDataException>(() => Baton.Open(_far.Duplicate()));
        Assert.Throws<InvalidDataException>(() => Baton.Open(FileDescriptor.FromResult(memfd_create("unsealed", MFD_CLOEXEC), "memfd_create")));
    }

    private static int LengthOf(FileDescriptor file)
    {
        Assert.Equal(0, statx_nowait(file.Value, STATX_SIZE, out statx_t facts));
        return (int)facts.stx_size;
    }

    private HandoverException Refused(string reason)
    {
        HandoverException refusal = Assert.Throws<HandoverException>(() => _near.Receive(HandoverKind.State, s_limit));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        return refusal;
    }
}
