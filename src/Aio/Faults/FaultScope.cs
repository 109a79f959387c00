namespace VhostNet.Aio.Faults;

/// <summary>
/// Says on whose behalf the calling thread registers handlers, timers and bottom halves. Scopes nest and belong to one thread; a loop enters the owner's scope
/// around each of its callbacks, so that ownership follows from what was registered first.
/// </summary>
internal readonly ref struct FaultScope
{
    [ThreadStatic]
    private static FaultFrame? s_frame;

    private readonly FaultFrame? _frame;
    private readonly IFaultOwner? _previous;

    private FaultScope(FaultFrame frame)
    {
        _frame = frame;
        _previous = frame.Owner;
    }

    /// <summary>The owner of what the calling thread registers now; null for what nobody answers for.</summary>
    public static IFaultOwner? Current => s_frame?.Owner;

    /// <summary>The calling thread's.</summary>
    internal static FaultFrame Frame => s_frame ??= new FaultFrame();

    /// <summary>Registers on an owner's behalf until the scope is disposed of.</summary>
    /// <param name="owner">The owner, or null for nobody.</param>
    public static FaultScope Enter(IFaultOwner? owner)
    {
        var scope = new FaultScope(Frame);
        scope._frame!.Switch(owner);
        return scope;
    }

    /// <summary>Goes back to the owner of before.</summary>
    public void Dispose() => _frame?.Switch(_previous);
}
