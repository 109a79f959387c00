using VhostNet.VhostUser.Backend.Messages;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>The message table's rows and a session's handlers say the same.</summary>
public sealed class HandlerTableTests
{
    [Fact]
    public void EveryServedMessageHasOneHandlerAndNoOtherHasAny()
    {
        using var fixture = new SessionFixture();
        Assert.All(MessageTable.Rows, row => Assert.Equal((row.Name, row.IsServed), (row.Name, fixture.Session.Handlers.Find(row.Code) is not null)));
        Assert.Null(fixture.Session.Handlers.Find(RequestCode.NONE));
    }

    [Fact]
    public void ASecondHandlerForAMessageIsRefused()
    {
        using var fixture = new SessionFixture();
        MessageGroup group = fixture.Session.Handlers.Find(RequestCode.CHECK_DEVICE_STATE)!.Group;
        var e = Assert.Throws<InvalidOperationException>(() => new HandlerTable([group, group]));
        Assert.Contains("SET_DEVICE_STATE_FD is handled by DeviceStateMessages", e.Message, StringComparison.Ordinal);
    }
}
