namespace VhostNet.VhostUser.Protocol;

/// <summary>
/// The peer sent something that the protocol does not allow. The message names what was sent, what was wrong with it and what would be right.
/// </summary>
public sealed class ProtocolException : Exception
{
    /// <summary>Creates the exception with its message; the request is refused.</summary>
    public ProtocolException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception with its message and cause; the request is refused.</summary>
    public ProtocolException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>Creates the exception without a message.</summary>
    public ProtocolException()
    {
    }

    /// <summary>True when the byte stream or the session can't be trusted any more, so that refusing the one request is not enough.</summary>
    public bool EndsConnection { get; init; }

    /// <summary>Makes an exception that ends the connection.</summary>
    public static ProtocolException Fatal(string message) => new(message) { EndsConnection = true };
}
