namespace VhostNet.Daemon.Changes;

/// <summary>The lists of the configuration whose items can be changed while the daemon runs.</summary>
internal static class ChangeableLists
{
    /// <summary>The ports.</summary>
    public static IItemChanges Ports { get; } = new PortChanges();

    /// <summary>The networks.</summary>
    public static IItemChanges Networks { get; } = new NetworkChanges();

    /// <summary>The threads.</summary>
    public static IItemChanges Threads { get; } = new ThreadChanges();

    /// <summary>The list of a key: <c>ports</c>, <c>networks</c> or <c>threads</c>.</summary>
    public static IItemChanges Of(string list) => list switch
    {
        "ports" => Ports,
        "networks" => Networks,
        "threads" => Threads,
        _ => throw new ArgumentOutOfRangeException(nameof(list), list, "There is no such list."),
    };
}
