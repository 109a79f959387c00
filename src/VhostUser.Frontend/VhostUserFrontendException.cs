namespace VhostNet.VhostUser.Frontend;

/// <summary>A request to the back end failed; the message names the request and what happened.</summary>
public sealed class VhostUserFrontendException : Exception
{
    /// <summary>Creates the exception.</summary>
    public VhostUserFrontendException(FrontendError error, string message)
        : base(message) => Error = error;

    /// <summary>Creates the exception with its message and cause.</summary>
    public VhostUserFrontendException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception with its message.</summary>
    public VhostUserFrontendException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception without a message.</summary>
    public VhostUserFrontendException()
    {
    }

    /// <summary>What kind of failure it was.</summary>
    public FrontendError Error { get; }
}
