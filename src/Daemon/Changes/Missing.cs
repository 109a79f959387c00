using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>Answers to requests for something that is not there.</summary>
internal static class Missing
{
    /// <summary>There is no such port.</summary>
    public static RefusalException Port(string name, IEnumerable<string> names) => Of("port", name, [.. names]);

    /// <summary>There is no such network.</summary>
    public static RefusalException Network(string name, IEnumerable<string> names) => Of("network", name, [.. names]);

    /// <summary>There is no such thread.</summary>
    public static RefusalException Thread(string name, IEnumerable<string> names) => Of("thread", name, [.. names]);

    private static RefusalException Of(string what, string name, IReadOnlyCollection<string> known) => new(
        RefusalKind.Missing, known.Count == 0 ? $"there is no {what} \"{name}\", and no other" : $"there is no {what} \"{name}\"; {Suggestion.Clause(name, known)}");
}
