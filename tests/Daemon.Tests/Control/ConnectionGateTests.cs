using Microsoft.AspNetCore.Connections;
using VhostNet.Daemon.Api;

namespace VhostNet.Daemon.Tests.Control;

/// <summary>HTTP connections while the reserve of descriptors is touched.</summary>
public sealed class ConnectionGateTests
{
    [Fact]
    public async Task BeyondAFewConnectionsAreTurnedAwayWhileTheReserveIsTouched()
    {
        bool hasRoom = false;
        var gate = new ConnectionGate(() => hasRoom);
        var held = new Stack<(TaskCompletionSource Closed, Task Passed)>();
        for (int i = 0; i < ConnectionGate.Always; i++)
        {
            Assert.False(Connect(gate, held));
        }

        Assert.True(Connect(gate, held));
        await CloseAsync(held);
        await CloseAsync(held);
        Assert.False(Connect(gate, held));
        Assert.True(Connect(gate, held));
        hasRoom = true;
        Assert.False(Connect(gate, held));
    }

    private static bool Connect(ConnectionGate gate, Stack<(TaskCompletionSource Closed, Task Passed)> held)
    {
        var connection = new DefaultConnectionContext();
        var closed = new TaskCompletionSource();
        held.Push((closed, gate.PassAsync(connection, _ => closed.Task)));
        return connection.Features.Get<TurnedAway>() is not null;
    }

    private static Task CloseAsync(Stack<(TaskCompletionSource Closed, Task Passed)> held)
    {
        (TaskCompletionSource closed, Task passed) = held.Pop();
        closed.SetResult();
        return passed;
    }
}
