namespace VhostNet.VirtioNet.Ports.User;

/// <summary>What is to be done with a frame that a guest sent towards libslirp.</summary>
internal enum SlirpVerdict
{
    /// <summary>The library may have it.</summary>
    Pass,

    /// <summary>The library would do nothing with it: nobody needs to hear of that.</summary>
    Ignore,

    /// <summary>The library can't be trusted with it: dropped and counted.</summary>
    Refuse,
}
