namespace VhostNet.Aio;

/// <summary>
/// Says on whose behalf the calling thread registers handlers, timers and bottom halves. Scopes nest and belong to one thread; a loop enters the owner's scope
/// around each of its callbacks, so that ownership follows from what was registered first.
/// </summary>
public readonly ref struct FaultScope
{
    [ThreadStatic]
    private static IFaultOwner? t_current;

    private readonly IFaultOwner? _previous;

    private FaultScope(IFaultOwner? previous) => _previous = previous;

    /// <summary>The owner of what the calling thread registers now; null for what nobody answers for.</summary>
    public static IFaultOwner? Current => t_current;

    /// <summary>Registers on an owner's behalf until the scope is disposed of.</summary>
    /// <param name="owner">The owner, or null for nobody.</param>
    public static FaultScope Enter(IFaultOwner? owner)
    {
        var scope = new FaultScope(t_current);
        t_current = owner;
        return scope;
    }

    /// <summary>Goes back to the owner of before.</summary>
    public void Dispose() => t_current = _previous;
}
