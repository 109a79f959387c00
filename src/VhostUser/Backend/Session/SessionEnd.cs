namespace VhostNet.VhostUser.Backend.Session;

/// <summary>Why a session ended, as far as this side can tell.</summary>
public enum SessionEnd
{
    /// <summary>The front end closed the connection.</summary>
    FrontEnd,

    /// <summary>The front end left without a message.</summary>
    Silent,

    /// <summary>The front end left as soon as it was told how many queues there are: it wants more.</summary>
    Queues,

    /// <summary>A message was wrong, came in part only, or the connection failed.</summary>
    Error,

    /// <summary>This side ended it: the port was removed, or the program ends.</summary>
    BackEnd,

    /// <summary>It goes on elsewhere.</summary>
    HandedOver,
}
