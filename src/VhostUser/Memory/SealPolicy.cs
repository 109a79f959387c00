namespace VhostNet.VhostUser.Memory;

/// <summary>What to do with guest memory whose file could be shrunk by its owner, which would end this process with SIGBUS at the next access.</summary>
public enum SealPolicy
{
    /// <summary>Accept it silently.</summary>
    Off,

    /// <summary>Accept it and log a warning.</summary>
    Warn,

    /// <summary>Refuse the region; hugetlbfs files and unsealed memfds are then not accepted.</summary>
    Refuse,
}
