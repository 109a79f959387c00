namespace VhostNet.Throughput;

/// <summary>A back end under comparison. It polls on <see cref="Cpu"/>; the front end forwards on <see cref="FrontEndCpu"/>.</summary>
/// <param name="name">What the tables call it.</param>
internal abstract class Backend(string name) : IAsyncDisposable
{
    /// <summary>The processor that the front end forwards on.</summary>
    public const int FrontEndCpu = 0;

    /// <summary>The processor that every back end works on.</summary>
    public const int Cpu = 1;

    /// <summary>What the tables call it.</summary>
    public string Name => name;

    /// <summary>The process that moves frames.</summary>
    public abstract ChildProcess Process { get; }

    /// <summary>Everything that it said. It tells which features were negotiated.</summary>
    public virtual Transcript Log => Process.Output;

    /// <summary>Starts it with the ports that a case wants, and returns their sockets once it listens there.</summary>
    public abstract Task<IReadOnlyList<string>> StartAsync(BenchCase benchCase, TestDirectory directory);

    /// <summary>Returns when all ports pass frames, once a front end has started them.</summary>
    public virtual Task ReadyAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
