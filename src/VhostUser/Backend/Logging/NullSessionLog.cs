namespace VhostNet.VhostUser.Backend.Logging;

/// <summary>Says nothing.</summary>
public sealed class NullSessionLog : ISessionLog
{
    /// <summary>The only one.</summary>
    public static NullSessionLog Instance { get; } = new();

    /// <inheritdoc/>
    public bool IsEnabled(SessionLogLevel level) => false;

    /// <inheritdoc/>
    public void Write(SessionLogLevel level, string connection, string message)
    {
    }
}
