using System.Reflection;

namespace VhostNet.Daemon.Common;

/// <summary>What the program is.</summary>
internal static class Product
{
    /// <summary>Its version.</summary>
    public static string Version { get; } =
        typeof(Product).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
}
