using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Configuration;

#pragma warning disable CA1032 // The standard constructors would allow one without a path.
/// <summary>A mistake in the configuration or in a request that is read like it: where it is and what would be right.</summary>
internal sealed class ConfigException(string path, string problem) : RefusalException(RefusalKind.Wrong, path.Length == 0 ? problem : $"{path}: {problem}")
#pragma warning restore CA1032
{
    /// <summary>Path of the value in the document, such as <c>ports[0].socket.mode</c>; empty for the document itself.</summary>
    public string Path { get; } = path;

    /// <summary>What is wrong and what would be right, without the path.</summary>
    public string Problem { get; } = problem;
}
