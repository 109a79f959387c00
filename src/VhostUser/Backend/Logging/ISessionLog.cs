namespace VhostNet.VhostUser.Backend.Logging;

/// <summary>Where sessions and endpoints say what happens; the program behind it chooses its logging library. Control thread.</summary>
public interface ISessionLog
{
    /// <summary>Whether lines of this level go anywhere; asked before a text is made for <see cref="SessionLogLevel.Debug"/>.</summary>
    bool IsEnabled(SessionLogLevel level);

    /// <summary>Takes one line.</summary>
    /// <param name="level">How much it matters.</param>
    /// <param name="connection">Name of the connection or endpoint.</param>
    /// <param name="message">What happened and why, one sentence.</param>
    void Write(SessionLogLevel level, string connection, string message);
}
