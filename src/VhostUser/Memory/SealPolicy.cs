namespace VhostNet.VhostUser.Memory;

/// <summary>
/// What to do with shared memory whose file its owner could shrink, which would end this process with SIGBUS at the next access, or whose file system could
/// let an access wait (neither tmpfs nor hugetlbfs).
/// </summary>
public enum SealPolicy
{
    /// <summary>Accept it silently.</summary>
    Off,

    /// <summary>Accept it and log a warning.</summary>
    Warn,

    /// <summary>Refuse the region; hugetlbfs files and unsealed memfds are then not accepted.</summary>
    Refuse,
}
