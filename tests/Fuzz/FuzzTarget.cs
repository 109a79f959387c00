using VhostNet.TestKit;

namespace VhostNet.Fuzz;

/// <summary>What is attacked. A case does harm; after it nothing of it may be left, and bystanders must be served as before.</summary>
internal abstract class FuzzTarget : IDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private ProcessResources? _baseline;

    /// <summary>What the side under attack said last; empty when it says nothing.</summary>
    public virtual string LogTail => "";

    /// <summary>Runs the case of a seed and checks what it left behind.</summary>
    /// <exception cref="FuzzException">Something was found.</exception>
    public void Run(long seed)
    {
        _baseline ??= ProcessResources.Count();
        Attack(Numbers.RandomOf(seed));
        CheckAftermath();
        ProcessResources now = ProcessResources.Count();
        string leaked = now.Compare(_baseline);
        _baseline = leaked.Length == 0 ? now : null;
        if (leaked.Length != 0)
        {
            throw new FuzzException($"the case left behind: {leaked}");
        }
    }

    public abstract void Dispose();

    /// <summary>Does harm and disposes of everything that it made.</summary>
    protected abstract void Attack(Random random);

    /// <summary>Checks what is the same after every case.</summary>
    protected abstract void CheckAftermath();
}
