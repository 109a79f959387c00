using Microsoft.AspNetCore.Http;

namespace VhostNet.Daemon.Api;

#pragma warning disable CA1032 // The standard constructors would allow one without an explanation.
/// <summary>A request waited for the control thread, another request or a free descriptor as long as one should: 503, and worth another try.</summary>
internal sealed class ControlBusyException(string message) : ControlException(StatusCodes.Status503ServiceUnavailable, message)
#pragma warning restore CA1032
{
    /// <summary>Seconds after which another try may do better, for the header Retry-After.</summary>
    public const int RetryAfterSeconds = 5;
}
