namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>A start that is refused.</summary>
/// <param name="Status">The exit status.</param>
/// <param name="Text">The one line on stderr without its <c>vhostnetd: </c>. {d} stands for the test's directory, * for anything.</param>
/// <param name="Arguments">The arguments, with {d} as well. One that begins with a brace is written to {d}/c.json, and stands for --config {d}/c.json.</param>
internal sealed record Refusal(int Status, string Text, params string[] Arguments)
{
    /// <summary>Done as root before the start, by sh in the test's directory.</summary>
    public string? Before { get; init; }

    /// <summary>The daemon runs as user 65534, without privileges.</summary>
    public bool AsNobody { get; init; }

    /// <summary>The daemon runs in a network that has not even a loopback address.</summary>
    public bool WithoutNetwork { get; init; }

    /// <summary>Set in the daemon's environment, as NAME=VALUE.</summary>
    public string? Environment { get; init; }
}
