using VhostNet.Daemon.Configuration;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Hosting;

/// <summary>Makes networks from their options: the one place that knows their classes.</summary>
internal static class NetworkFactory
{
    /// <summary>Makes a network.</summary>
    public static Network Create(NetworkOptions options) => options.Kind switch
    {
        "wire" => new WireNetwork(options.Name),
        "hairpin" => new HairpinNetwork(options.Name),
        _ => throw new StartupException(ExitCode.Usage, $"{options.Path}.kind: \"{options.Kind}\" is no kind of network"),
    };
}
