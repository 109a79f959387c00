using VhostNet.TestKit;

namespace VhostNet.Fuzz;

/// <summary>What is attacked. A case does harm; after it nothing of it may be left, and bystanders must be served as before.</summary>
internal abstract class FuzzTarget : IDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Looks at what is open, and the pause between two of them: a second in all.</summary>
    private const int SettleMax = 500, SettleMilliseconds = 20;

    private readonly List<long> _uncounted = [];
    private ProcessResources? _baseline;
    private int _surprises;

    /// <summary>What the side under attack said last; empty when it says nothing.</summary>
    public virtual string LogTail => "";

    /// <summary>Keep what the side under attack says, at the cost of speed.</summary>
    public bool IsVerbose { get; set; }

    /// <summary>
    /// Descriptors and mappings are counted after so many cases, as that takes longer than most of them. When something was left behind, these cases are run again one by one.
    /// </summary>
    protected virtual int CountEvery => 1;

    /// <summary>Calls an action on the thread on which cases have to be run.</summary>
    public virtual void Within(Action action) => action();

    /// <summary>Runs the case of a seed and checks what it left behind.</summary>
    /// <exception cref="FuzzException">Something was found.</exception>
    public void Run(long seed)
    {
        _baseline ??= CountSteady();
        RunUncounted(seed);
        _uncounted.Add(seed);
        if (_uncounted.Count >= CountEvery)
        {
            CountResources();
        }
    }

    /// <summary>Counts what the last cases left behind.</summary>
    /// <exception cref="FuzzException">There is something.</exception>
    public void CountResources()
    {
        if (_baseline is null || _uncounted.Count == 0)
        {
            return;
        }

        ProcessResources now = CountSettled(_baseline, out string leaked);
        long[] suspects = [.. _uncounted];
        _uncounted.Clear();
        _baseline = now;
        if (leaked.Length == 0)
        {
            return;
        }

        if (suspects.Length == 1)
        {
            _baseline = null;
            throw new FuzzException($"the case left behind: {leaked}");
        }

        // What a first use makes and keeps comes once; a leak comes again.
        foreach (long seed in suspects)
        {
            ProcessResources before = ProcessResources.Count();
            RunUncounted(seed);
            _baseline = CountSettled(before, out string again);
            if (again.Length != 0)
            {
                _baseline = null;
                throw new FuzzException($"the case left behind: {again}", seed);
            }
        }

        if (_surprises++ > 0)
        {
            throw new FuzzException($"one of the cases {suspects[0]} to {suspects[^1]} left behind: {leaked}; alone none of them does");
        }
    }

    public abstract void Dispose();

    /// <summary>Does harm and disposes of everything that it made.</summary>
    protected abstract void Attack(Random random);

    /// <summary>Checks what is the same after every case.</summary>
    protected abstract void CheckAftermath();

    /// <summary>Counts until there is no more than before, or for a while: other threads, of the side under attack and of the runtime, have files open for a moment.</summary>
    private static ProcessResources CountSettled(ProcessResources before, out string leaked)
    {
        for (int i = 0; ; i++)
        {
            var now = ProcessResources.Count();
            leaked = now.Compare(before);
            if (leaked.Length == 0 || i == SettleMax)
            {
                return now;
            }

            _ = poll([], SettleMilliseconds);
        }
    }

    /// <summary>Counts until nothing goes away any more: what ran before may be let go of by a thread of its own.</summary>
    private static ProcessResources CountSteady()
    {
        var last = ProcessResources.Count();
        for (int i = 0; i < SettleMax; i++)
        {
            _ = poll([], SettleMilliseconds);
            var now = ProcessResources.Count();
            if (now.Compare(last).Length == 0)
            {
                return now;
            }

            last = now;
        }

        return last;
    }

    private void RunUncounted(long seed)
    {
        try
        {
            Attack(Numbers.RandomOf(seed));
            CheckAftermath();
        }
        catch (Exception e) when (e is not FuzzException)
        {
            throw new FuzzException($"an exception escaped: {e}");
        }
    }
}
