using VhostNet.Aio;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Daemon.Hosting;

/// <summary>Makes networks from their options: the one place that knows their classes.</summary>
internal static class NetworkFactory
{
    /// <summary>Makes a network.</summary>
    /// <param name="options">How it is asked for.</param>
    /// <param name="control">The control thread's loop.</param>
    public static Network Create(NetworkOptions options, AioContext control) => options.Kind switch
    {
        "wire" => new WireNetwork(options.Name),
        "hairpin" => new HairpinNetwork(options.Name),
        "switch" => new SwitchNetwork(options.Name, options.Switch, control),
        _ => throw new RefusalException(RefusalKind.Wrong, $"{options.Path}.kind: \"{options.Kind}\" is no kind of network"),
    };
}
