using Microsoft.AspNetCore.Connections;

namespace VhostNet.Daemon.Api;

/// <summary>
/// Keeps HTTP connections off the process's last descriptors: while the reserve is touched, those beyond a few are answered 503 and closed. The few are for
/// whoever has to look at what is wrong. Any thread.
/// </summary>
/// <param name="hasRoom">Whether a descriptor can be spared; see <see cref="DescriptorReserve.HasRoom"/>.</param>
internal sealed class ConnectionGate(Func<bool> hasRoom)
{
    /// <summary>Connections that are served in any case.</summary>
    public const int Always = 4;

    /// <summary>Connections at a time, on all listeners together; each is a descriptor.</summary>
    public const int ConnectionsMax = 64;

    private int _open;

    /// <summary>Lets a new connection in, marked if its requests are to be refused.</summary>
    public async Task PassAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref _open) > Always && !hasRoom())
            {
                connection.Features.Set(TurnedAway.Instance);
            }

            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }
}
