using System.Runtime.CompilerServices;

namespace VhostNet.Aio;

/// <summary>What <see cref="AioContext.SwitchTo"/> returns, to be awaited.</summary>
public readonly struct SwitchToAwaitable : ICriticalNotifyCompletion, IEquatable<SwitchToAwaitable>
{
    private static readonly SendOrPostCallback s_run = static state => ((Action)state!)();

    private readonly AioContext _context;

    internal SwitchToAwaitable(AioContext context) => _context = context;

    /// <summary>Always false: what follows runs in a later pass.</summary>
    public bool IsCompleted => false;

    /// <summary>Equality of the target.</summary>
    public static bool operator ==(SwitchToAwaitable left, SwitchToAwaitable right) => left.Equals(right);

    /// <summary>Inequality of the target.</summary>
    public static bool operator !=(SwitchToAwaitable left, SwitchToAwaitable right) => !left.Equals(right);

    /// <summary>Itself.</summary>
    public SwitchToAwaitable GetAwaiter() => this;

    /// <summary>Nothing.</summary>
    public void GetResult()
    {
    }

    /// <inheritdoc/>
    public void OnCompleted(Action continuation) => _context.Post(s_run, continuation);

    /// <inheritdoc/>
    public void UnsafeOnCompleted(Action continuation) => _context.Post(s_run, continuation);

    /// <inheritdoc/>
    public bool Equals(SwitchToAwaitable other) => ReferenceEquals(_context, other._context);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SwitchToAwaitable other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _context?.GetHashCode() ?? 0;
}
