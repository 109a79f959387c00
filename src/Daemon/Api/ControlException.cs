namespace VhostNet.Daemon.Api;

#pragma warning disable CA1032 // The standard constructors would allow one without a status.
/// <summary>A control request can't be answered as asked.</summary>
internal class ControlException(int statusCode, string message) : Exception(message)
#pragma warning restore CA1032
{
    /// <summary>The HTTP status of the answer.</summary>
    public int StatusCode { get; } = statusCode;
}
