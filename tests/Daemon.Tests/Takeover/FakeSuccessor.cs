using System.Text.Json;
using VhostNet.Daemon.Handover;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Tests.Takeover;

/// <summary>The new process's end of a take-over, which goes as far as a test wants.</summary>
internal sealed class FakeSuccessor : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    /// <summary>Asks a daemon to be taken over, and connects.</summary>
    public FakeSuccessor(string control) => Channel = new HandoverChannel(AbstractSocket.Connect(ControlRequest.AskForTakeOver(control)));

    public HandoverChannel Channel { get; }

    public void Hello(int oldest = HandoverState.Oldest, int newest = HandoverState.Newest) => Channel.Send(
        HandoverKind.Hello,
        JsonSerializer.SerializeToUtf8Bytes(new HelloRecord(oldest, newest, "test", HelloRecord.OwnControlGroup), HandoverJson.Default.HelloRecord),
        [], s_limit);

    /// <summary>Goes on until the old process stands still.</summary>
    public HandoverMessage UntilFinal()
    {
        Hello();
        Receive(HandoverKind.State).Dispose();
        Channel.Send(HandoverKind.Ready, string.Empty, s_limit);
        return Receive(HandoverKind.Final);
    }

    public HandoverMessage Receive(HandoverKind kind) => Channel.Receive(kind, s_limit);

    public void Dispose() => Channel.Dispose();
}
