using System.Runtime.CompilerServices;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio;

/// <content>
/// Who answers for a callback. Each remembers the owner in whose scope it was registered; the loop enters that scope before it calls, and goes back to the
/// outer one when a kind of callbacks has run, not after each. Try regions cost nothing until something is thrown.
/// </content>
public sealed partial class AioContext
{
    // What left a callback that has no owner, on its way out of the loop.
    private Exception? _unowned;

    /// <summary>A pass begins. Home thread.</summary>
    /// <returns>What is to be restored when it ends: the stage of the outer pass whose callback polls. What else is noted was left there by an
    /// exception.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte BeginLooking()
    {
        byte outer = _home.Activity;
        _home.Activity = (byte)AioActivity.Looking;
        return outer > (byte)AioActivity.Asleep ? outer : (byte)AioActivity.Outside;
    }

    /// <summary>Calls of a kind begin. Home thread.</summary>
    /// <returns>What is to be restored when they have run.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal (IFaultOwner? Owner, byte Activity) EnterStage(AioActivity activity)
    {
        (IFaultOwner?, byte) outer = (_frame.Owner, _home.Activity);
        _home.Activity = (byte)activity;
        return outer;
    }

    /// <summary>They are done, or something that nobody answers for leaves the loop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void LeaveStage((IFaultOwner? Owner, byte Activity) outer)
    {
        _frame.Switch(outer.Owner);
        _home.Activity = outer.Activity;
    }

    /// <summary>
    /// Whether an owner answers for an exception that leaves its callback. The filter of each catch: it runs before anything is unwound, innermost first, so
    /// that what nobody answers for is not laid at the door of an owner whose callback polls, but leaves the loop.
    /// </summary>
    internal bool Answers(IFaultOwner? owner, Exception exception)
    {
        if (owner is null)
        {
            _unowned = exception;
        }

        return !ReferenceEquals(exception, _unowned);
    }

    /// <summary>Hands an exception to its owner, in whose scope the thread is. What that throws itself, nobody answers for.</summary>
    internal void Report(IFaultOwner owner, string callback, Exception exception)
    {
        Volatile.Write(ref _faults, _faults + 1);
        try
        {
            owner.Fault(callback, exception);
        }
        catch (Exception e) when (Answers(null, e))
        {
            throw;
        }
    }

    private void Report(AioHandler handler, string what, Exception exception) =>
        Report(handler.Owner!, handler.Fd >= 0 ? $"{what} of descriptor {handler.Fd}" : $"{what} of an event notifier", exception);

    /// <summary>The same for a poll callback, whose scope is not entered: it only looks.</summary>
    private void ReportPoll(AioHandler handler, Exception exception)
    {
        using FaultScope scope = FaultScope.Enter(handler.Owner);
        Report(handler, "poll callback", exception);
    }

    /// <summary>Calls one of a handler's callbacks that are called seldom, also from outside of the loop.</summary>
    private void Invoke(AioHandler handler, Action? callback, string what)
    {
        if (callback is null)
        {
            return;
        }

        using FaultScope scope = FaultScope.Enter(handler.Owner);
        try
        {
            callback();
        }
        catch (Exception e) when (Answers(handler.Owner, e))
        {
            Report(handler, what, e);
        }
    }

    /// <summary>Asks a handler's poll callback, where that is done seldom.</summary>
    private bool AskPoll(AioHandler handler)
    {
        try
        {
            return handler.Poll!();
        }
        catch (Exception e) when (Answers(handler.Owner, e))
        {
            ReportPoll(handler, e);
            return false;
        }
    }
}
