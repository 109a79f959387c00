namespace VhostNet.VhostUser.Backend.Endpoints;

/// <summary>Which side of the socket an endpoint is; either may be the back end.</summary>
public enum EndpointMode
{
    /// <summary>Listens; the front end connects.</summary>
    Server,

    /// <summary>Connects to a front end that listens, again and again.</summary>
    Client,
}
