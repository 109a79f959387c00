using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>Refusals of requests for something that is not there.</summary>
internal static class ItemNotFound
{
    /// <summary>There is no such item.</summary>
    /// <param name="noun">What it would be, such as <c>port</c>.</param>
    /// <param name="name">The name that was asked for.</param>
    /// <param name="names">The names that there are.</param>
    public static RefusalException Of(string noun, string name, IEnumerable<string> names)
    {
        string[] known = [.. names];
        return new RefusalException(
            RefusalKind.Missing, $"there is no {noun} \"{name}\"{(known.Length == 0 ? ", and no other" : $"; {Suggestion.Clause(name, known)}")}");
    }
}
