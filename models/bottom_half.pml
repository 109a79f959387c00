/*
 * The flags of one bottom half: schedule, cancel and delete from any thread, dequeue on the loop's thread (I11).
 *
 * The context's stack of scheduled bottom halves is reduced to "this one is on it"; a slice is what the loop took off the
 * stack at once, and this one may be in it. The loop sleeps as in notify.pml: Poll's home thread by default,
 *   -DOUTER                  an outer loop, which does not look at notified before it sleeps
 *
 * Each interlocked operation on the flags is one atomic step.
 *   -DSHORTCUT               a schedule that finds SCHEDULED set does not notify
 *
 * Abstracted away: other bottom halves (the stack's links), idle scheduling, nested polls.
 *
 * Planted faults:
 *   BUG_CLEAR_BEFORE_UNLINK  dequeue clears the flags while the bottom half is still linked: it gets linked twice
 *   BUG_CLEAR_AFTER_CALLBACK dequeue clears the flags after the callback: a schedule during the callback is lost
 *   BUG_TWO_STEPS            dequeue reads the flags and clears them in a second step: a schedule or delete is lost
 *   BUG_SHORTCUT_PENDING     a schedule that finds PENDING set does not notify: wrong after a cancel
 *   BUG_IGNORE_DELETED       dequeue calls a deleted bottom half once more
 *   BUG_CANCEL_UNLINKS       cancel clears PENDING too, although the bottom half stays linked
 */

#define PENDING   1     /* Linked: on the stack or in a slice. */
#define SCHEDULED 2     /* To be called. */
#define DELETED   4     /* To be freed, and never called. */

byte flags;
bool on_stack;
bool in_slice;
bool freed;

bool armed;
bool notified;
bool event;

/* What the callers may rely on, kept beside the flags and changed in the same atomic steps. */
bool owed;              /* Scheduled, and no callback has started since; cancel and delete settle it. */
bool asked;             /* Scheduled since the last dequeue, and not cancelled. */
bool deleted;

inline notify()
{
    notified = true;
    if
    :: armed -> event = true
    :: else
    fi
}

/* The pushing half of an enqueue; old holds the flags that the interlocked OR found. */
inline push_and_notify(old)
{
    if
    :: !(old & PENDING) ->
        assert(!on_stack && !in_slice && !freed);
        on_stack = true
    :: else
    fi;
#if defined(BUG_SHORTCUT_PENDING)
    if
    :: !(old & PENDING) -> old = 0; notify()
    :: else -> old = 0
    fi
#elif defined(SHORTCUT)
    if
    :: !(old & SCHEDULED) || (old & DELETED) -> old = 0; notify()
    :: else -> old = 0
    fi
#else
    old = 0;
    notify()
#endif
}

inline schedule(old)
{
    atomic { old = flags; flags = flags | PENDING | SCHEDULED; owed = true; asked = true };
    push_and_notify(old)
}

inline cancel()
{
#ifdef BUG_CANCEL_UNLINKS
    atomic { flags = flags & DELETED; owed = false; asked = false }
#else
    atomic { flags = flags & (PENDING | DELETED); owed = false; asked = false }
#endif
}

inline delete(old)
{
    atomic { old = flags; flags = flags | PENDING | DELETED; owed = false; asked = false; deleted = true };
    if
    :: !(old & PENDING) -> assert(!on_stack && !in_slice); on_stack = true
    :: else
    fi;
    old = 0;
    notify()
}

/* Takes the bottom half out of the slice; old holds the flags before, due and gone what was promised at that moment. */
inline dequeue(old, due, gone)
{
#if defined(BUG_CLEAR_BEFORE_UNLINK)
    atomic { old = flags; due = asked; asked = false; gone = deleted; flags = flags & DELETED };
    in_slice = false
#elif defined(BUG_CLEAR_AFTER_CALLBACK)
    in_slice = false;
    atomic { old = flags; due = asked; asked = false; gone = deleted }
#elif defined(BUG_TWO_STEPS)
    in_slice = false;
    old = flags;
    atomic { due = asked; asked = false; gone = deleted; flags = old & DELETED }
#else
    in_slice = false;
    atomic { old = flags; due = asked; asked = false; gone = deleted; flags = flags & DELETED }
#endif
}

#define CALLABLE(f)     ((f & SCHEDULED) && !(f & DELETED))
#define FORGET          old = 0; due = false; gone = false      /* Fewer states. */

active proctype Loop()
{
    byte old;
    bool due, gone;

    do
    ::
#ifdef OUTER
        armed = true;                           /* Prepare. */
        if
        :: (on_stack && CALLABLE(flags)) -> skip
        :: else -> (event)
        fi;
#else
        if
        :: (on_stack && CALLABLE(flags)) -> skip
        :: else ->
            armed = true;
            if
            :: notified -> skip
            :: else -> (event)
            fi
        fi;
#endif
        armed = false;
        notified = false;                       /* Accept. */
        event = false;
        if
        :: atomic { on_stack -> on_stack = false; in_slice = true }
            dequeue(old, due, gone);
#ifdef BUG_IGNORE_DELETED
            if
            :: old & SCHEDULED ->
#else
            if
            :: CALLABLE(old) ->
#endif
                /* The callback starts. It is called only if scheduled since the last call, and never after delete. */
                atomic { assert(due && !gone); owed = false; FORGET };
                if
                :: atomic { !deleted -> old = flags; flags = flags | PENDING | SCHEDULED; owed = true; asked = true };
                    push_and_notify(old)        /* It schedules itself. */
                :: true
                fi;
#ifdef BUG_CLEAR_AFTER_CALLBACK
                flags = flags & DELETED
#endif
            :: old & DELETED -> atomic { assert(!freed); freed = true; FORGET }
            :: else -> atomic { FORGET }
            fi
        :: else
        fi
    od
}

/* The owner schedules, cancels and deletes; after delete it keeps its hands off. */
active proctype Owner()
{
    byte old;

    do
    :: schedule(old)
    :: cancel()
    :: delete(old); break
    :: break
    od
}

/* Another thread schedules; the caller's contract ends that before the delete, or the flags make it harmless. */
active proctype Other()
{
    byte old;

    do
    :: atomic { !deleted -> old = flags; flags = flags | PENDING | SCHEDULED; owed = true; asked = true }; push_and_notify(old)
    :: break
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* I11: each schedule is followed by a callback that starts later, unless cancelled or deleted. */
ltl called_after_schedule { [] (owed -> <> !owed) }

/* Delete frees in the end, whether or not anything was scheduled. (An outer loop frees when next it wakes.) */
ltl delete_frees { [] (deleted -> <> freed) }
