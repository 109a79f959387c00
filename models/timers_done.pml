/*
 * The done event of a timer list: disabling a clock waits until no callback of that clock runs (I10, H8).
 *
 * One timer list with at most one timer on it; the loop's thread runs the list again and again; another thread disables
 * and enables the clock. A callback may poll the context, which runs the same list once more inside the first run.
 *
 * Abstracted away: deadlines (a timer on the list is due), the wake-up of the loop when the clock is ticking
 * (notify.pml), more than one list per clock (the disabling thread waits for one list after the other).
 *
 * Planted faults:
 *   BUG_INITIALLY_CLEAR   the event starts clear: a clock whose list never ran can't be disabled (H8), for ever
 *   BUG_CHECK_FIRST       the run looks at the clock before it clears the event: a callback runs after Disable returned
 *   BUG_NO_WAIT           Disable doesn't wait
 *   BUG_NO_SET            a run that finds the clock disabled leaves without setting the event
 *   BUG_NESTED_SETS       the nested run sets the event although the outer callback still runs
 */

bool ticking = true;
#ifdef BUG_INITIALLY_CLEAR
bool done = false;
#else
bool done = true;
#endif
bool timer_pending;
byte running;           /* Callbacks in progress, nested ones counted. */
bool disabled;          /* Disable has returned and Enable has not been called since. */
bool disabling;

inline enter_callback()
{
    assert(!disabled);
    running++
}

/* A run of the list inside a callback of the same list. */
inline run_timers_nested()
{
    if
    :: timer_pending ->
        done = false;
        if
        :: ticking ->
            timer_pending = false;
            enter_callback();
            running--
        :: else
        fi;
#ifdef BUG_NESTED_SETS
        done = true
#endif
    :: else
    fi
}

inline callback()
{
    enter_callback();
    if
    :: timer_pending = true             /* Periodic timer. */
    :: timer_pending = true; run_timers_nested()
    :: true
    fi;
    running--
}

inline run_timers()
{
    if
    :: timer_pending ->
#ifdef BUG_CHECK_FIRST
        if
        :: ticking -> done = false; timer_pending = false; callback()
        :: else
        fi;
        done = true
#else
        done = false;                   /* With a full barrier: the clock is looked at after the event is clear. */
        if
        :: ticking -> timer_pending = false; callback(); done = true
        :: else ->
#ifndef BUG_NO_SET
            done = true
#else
            skip
#endif
        fi
#endif
    :: else
    fi
}

active proctype Loop()
{
    do
    :: run_timers()
    od
}

active proctype Setter()
{
    do
    :: timer_pending = true             /* TimerMod from any thread. */
    :: break
    od
}

active proctype Control()
{
    do
    ::  disabling = true;
        ticking = false;                /* With a full barrier: the event is looked at after the clock is off. */
#ifndef BUG_NO_WAIT
        (done);
#endif
        disabled = true;
        assert(running == 0);
        disabling = false;
        disabled = false;
        ticking = true
    :: break
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/*
 * Disable returns: a thread that waits finds the event set sooner or later. (The claim is about the event, not about the
 * waiting thread, because a run that finds the clock off clears and sets the event again and weak fairness would let
 * the waiter look at the wrong moments only.)
 */
ltl disable_returns { [] (disabling -> <> (done || !disabling)) }

/* A timer that is due fires sooner or later, unless the clock is off then. */
ltl timers_fire { [] (timer_pending -> <> (!timer_pending || !ticking)) }
