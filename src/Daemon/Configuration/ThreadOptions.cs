using System.Text.Json;
using VhostNet.Aio;

namespace VhostNet.Daemon.Configuration;

/// <summary>One IoThread.</summary>
/// <param name="Name">Unique name; the first 15 bytes of it are the kernel's name of the thread.</param>
internal sealed record ThreadOptions(string Name) : IConfigItem
{
    /// <summary>Where the thread stands in the configuration, for error texts.</summary>
    public string Path { get; init; } = string.Empty;

    /// <summary>The configuration's object, or null when the thread comes from none.</summary>
    public JsonElement? Source { get; init; }

    /// <summary>True for a thread that no configuration lists.</summary>
    public bool IsAutomatic { get; init; }

    /// <summary>The CPU that the thread is bound to, or null.</summary>
    public int? Cpu { get; init; }

    /// <summary>How the thread waits for work.</summary>
    public PollPolicy Poll { get; init; } = PollPolicy.Adaptive;

    /// <summary>Longest time that an adaptive thread polls before it sleeps, in microseconds; null for the library's default.</summary>
    public int? PollMaxMicroseconds { get; init; }
}
