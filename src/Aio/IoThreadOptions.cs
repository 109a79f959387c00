namespace VhostNet.Aio;

/// <summary>How to make an <see cref="IoThread"/>.</summary>
public sealed record IoThreadOptions
{
    /// <summary>Name of the thread; the kernel shows 15 bytes.</summary>
    public string Name { get; init; } = "io";

    /// <summary>The one processor to run on; null leaves it to the kernel.</summary>
    public int? Cpu { get; init; }

    /// <summary>How it waits.</summary>
    public PollPolicy Policy { get; init; } = PollPolicy.Adaptive;

    /// <summary>
    /// Longest polling in nanoseconds with <see cref="PollPolicy.Adaptive"/>. On a machine with one processor it counts as 0: polling would only keep others
    /// from working.
    /// </summary>
    public long PollMaxNs { get; init; } = 32768;

    /// <summary>How its context is made; null for the defaults.</summary>
    public AioContextOptions? Context { get; init; }

    /// <summary>
    /// Gets a callback's exception, on the thread; when it returns, the loop goes on. Null ends the process
    /// (<see cref="Environment.FailFast(string, Exception)"/>), since a callback that failed half-way leaves a state that nobody knows.
    /// </summary>
    public Action<Exception>? UnhandledException { get; init; }

    /// <summary>What ends the process; replaced by tests only.</summary>
    internal Action<string, Exception> FailFast { get; init; } = Environment.FailFast;
}
