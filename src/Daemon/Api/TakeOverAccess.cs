using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using VhostNet.Daemon.Common;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Api;

/// <summary>Who asks for a take-over: more is asked of him than that he may write to the control socket.</summary>
internal static class TakeOverAccess
{
    /// <summary>The effective user of the process that connected.</summary>
    /// <exception cref="RefusalException">The kernel does not say.</exception>
    public static uint UserOf(HttpContext context)
    {
        try
        {
            return context.Features.Get<IConnectionSocketFeature>() is { Socket: { } socket }
                ? UnixSocket.PeerOf((int)socket.Handle).uid
                : throw new RefusalException(RefusalKind.Resource, "who asks can't be told on this connection; connect to the control socket itself");
        }
        catch (ErrnoException e)
        {
            throw new RefusalException(RefusalKind.Resource, $"who asks can't be told: {e.Message}", e);
        }
    }
}
