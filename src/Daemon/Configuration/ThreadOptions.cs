using VhostNet.Aio;

namespace VhostNet.Daemon.Configuration;

/// <summary>One IoThread.</summary>
/// <param name="Name">Unique name; the first 15 bytes of it are the kernel's name of the thread.</param>
internal sealed record ThreadOptions(string Name)
{
    /// <summary>The CPU that the thread is bound to, or null.</summary>
    public int? Cpu { get; init; }

    /// <summary>How the thread waits for work.</summary>
    public PollPolicy Poll { get; init; } = PollPolicy.Adaptive;

    /// <summary>Longest time that an adaptive thread polls before it sleeps, in microseconds; null for the library's default.</summary>
    public int? PollMaxMicroseconds { get; init; }
}
