namespace VhostNet.Daemon.Cli;

/// <summary>What the daemon says of itself to a management program (vhost-user specification, "Backend program conventions").</summary>
internal static class Capabilities
{
    /// <summary>The answer to --print-capabilities. The schema (vhost-user.json) defines no feature for network devices, so the list is empty.</summary>
    public const string Json = """{"type":"net","features":[]}""";
}
