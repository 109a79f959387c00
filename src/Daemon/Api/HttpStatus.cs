using Microsoft.AspNetCore.Http;
using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Api;

/// <summary>What a request that is refused is answered with.</summary>
internal static class HttpStatus
{
    /// <summary>
    /// Seconds after which another try may do better than one that was refused as <see cref="RefusalKind.Busy"/>, for the header Retry-After.
    /// </summary>
    public const int RetryAfterSeconds = 5;

    /// <summary>The HTTP status for a kind of refusal.</summary>
    public static int Of(RefusalKind kind) => kind switch
    {
        RefusalKind.Wrong => StatusCodes.Status400BadRequest,
        RefusalKind.Missing => StatusCodes.Status404NotFound,
        RefusalKind.Busy => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status409Conflict,
    };
}
