namespace VhostNet.VhostUser.Frontend;

/// <summary>The kinds of <see cref="VhostUserFrontendException"/>.</summary>
public enum FrontendError
{
    /// <summary>The back end answered a request with a failure.</summary>
    Refused,

    /// <summary>The back end closed the connection, or never was there.</summary>
    Closed,

    /// <summary>The back end did not answer in time.</summary>
    TimedOut,

    /// <summary>The back end's answer is not one that the specification allows.</summary>
    BadReply,

    /// <summary>The back end does not offer what is needed.</summary>
    NotOffered,
}
