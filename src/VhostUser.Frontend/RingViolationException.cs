namespace VhostNet.VhostUser.Frontend;

/// <summary>The device broke the rules of the ring; the message says which ring, what it showed and what was possible.</summary>
public sealed class RingViolationException : Exception
{
    /// <summary>Creates the exception with its message.</summary>
    public RingViolationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its message and cause.</summary>
    public RingViolationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception without a message.</summary>
    public RingViolationException()
    {
    }
}
