namespace VhostNet.VhostUser.Backend.Logging;

/// <summary>How much a line of <see cref="ISessionLog"/> matters.</summary>
public enum SessionLogLevel
{
    /// <summary>Every message of the protocol; for whoever debugs a front end.</summary>
    Debug,

    /// <summary>A transition: connected, negotiated, ring started, gone.</summary>
    Info,

    /// <summary>Something was refused or is not as it should be; the connection goes on.</summary>
    Warning,

    /// <summary>The connection or the endpoint failed.</summary>
    Error,
}
