/*
 * The flags of one bottom half: schedule, cancel and delete from any thread, dequeue on the loop's thread (I11).
 *
 * The context's stack of scheduled bottom halves is reduced to "this one is on it"; the queue of the present pass to "this
 * one is in it". Each interlocked operation on the flags is one atomic step. The loop sleeps as in notify.pml:
 *   (default)                Poll on the home thread
 *   -DOUTER                  an outer loop
 *   -DBLIND_PREPARE          an outer loop that does not look at notified before it sleeps (QEMU's)
 *   -DIDLE                   the owner schedules idly; the 10 ms that an idle one may take are "for ever" here, so that
 *                            the other thread's schedule would show as lost if it were only as quick
 *   -DPOLLING                the loop polls in user space before it arms; an idle one schedules itself again, and its 10 ms end
 *                            at some time (-DIDLE)
 *   -DLOCAL                  the home thread's own schedules go to a list of its own, without Notify, unless it is armed
 *   -DALWAYS_NOTIFY          every schedule notifies; otherwise one that links it on the stack only looks whether somebody is
 *                            armed, since whoever arms afterwards looks at the stack, and one that finds SCHEDULED set does
 *                            nothing
 *
 * Before the time-out is computed the home thread takes the stack into its own list: nobody sleeps on a filled stack, and what
 * is idle or cancelled there lets the loop sleep all the same.
 *
 * Abstracted away: other bottom halves (the stack's links), nested polls, pooling of one-shots.
 *
 * Planted faults:
 *   BUG_CLEAR_BEFORE_UNLINK  dequeue clears the flags while the bottom half is still linked: it gets linked twice
 *   BUG_CLEAR_AFTER_CALLBACK dequeue clears the flags after the callback: a schedule during the callback is lost
 *   BUG_TWO_STEPS            dequeue reads the flags and clears them in a second step: a schedule is lost
 *   BUG_SHORTCUT_PENDING     a schedule that finds PENDING set does not notify: wrong after a cancel
 *   BUG_NO_STACK_TEST        the loop does not look at the stack after it armed
 *   BUG_LOCAL_ARMED          the home thread links into its own list between prepare and check too (-DLOCAL -DOUTER)
 *   BUG_IGNORE_DELETED       dequeue calls a deleted bottom half once more
 *   BUG_IDLE_IS_WORK         whatever lies in the loop's list ends its polling as work does (the code before; -DIDLE -DPOLLING)
 *   BUG_CANCEL_UNLINKS       cancel clears PENDING too, although the bottom half stays linked
 */

#define PENDING   1     /* Linked: on the stack or in the pass's queue. */
#define SCHEDULED 2     /* To be called. */
#define DELETED   4     /* Never to be called. */
#define IDLY      8     /* To be called within 10 ms. */

byte flags;
bool on_stack;
bool on_local;          /* On the home thread's own list. */
bool in_queue;

bool armed;
bool asleep;
bool owner_done, other_done;
bool notified;
bool event;

/* What the callers may rely on, kept beside the flags and changed in the same atomic steps. */
bool owed;              /* Scheduled, and no callback has started since; cancel and delete settle it. */
bool asked;             /* Scheduled since the last dequeue, and not cancelled. */
bool deleted;

inline wake()
{
    if
    :: armed -> event = true
    :: else
    fi
}

inline notify()
{
    notified = true;
    wake()
}

/* The rest of a schedule; old holds the flags that the interlocked OR found. */
inline enqueue(old)
{
    if
#ifndef ALWAYS_NOTIFY
    :: old & (SCHEDULED | DELETED)
#else
    :: old & DELETED
#endif
    :: else ->
        if
        :: !(old & PENDING) ->
            assert(!on_stack && !on_local && !in_queue);
            on_stack = true;
#ifdef ALWAYS_NOTIFY
            notify()
#else
            wake()
#endif
#ifdef BUG_SHORTCUT_PENDING
        :: else
#else
        :: else -> notify()
#endif
        fi
    fi;
    old = 0
}

inline schedule(old)
{
    atomic { old = flags; flags = flags | PENDING | SCHEDULED; owed = !deleted; asked = !deleted };
    enqueue(old)
}

#ifdef BUG_LOCAL_ARMED
#define MAY_LINK_LOCALLY true
#else
#define MAY_LINK_LOCALLY !armed
#endif

/* By the home thread. */
inline schedule_home(old)
{
#ifdef LOCAL
    atomic { old = flags; flags = flags | PENDING | SCHEDULED; owed = !deleted; asked = !deleted };
    if
    :: !(old & (PENDING | DELETED)) && MAY_LINK_LOCALLY -> assert(!on_stack && !on_local && !in_queue); on_local = true; old = 0
    :: else -> enqueue(old)
    fi
#else
    schedule(old)
#endif
}

inline schedule_idle(old)
{
    atomic { old = flags; flags = flags | PENDING | IDLY; asked = !deleted };
    if
    :: old & (IDLY | SCHEDULED | DELETED) -> old = 0
    :: else -> enqueue(old)
    fi
}

/* By the home thread, which links it into its own list. */
inline schedule_idle_home(old)
{
    atomic { old = flags; flags = flags | PENDING | IDLY; asked = !deleted };
    if
    :: old & (IDLY | SCHEDULED | DELETED) -> old = 0
    :: !(old & (PENDING | IDLY | SCHEDULED | DELETED)) && !armed -> assert(!on_stack && !on_local && !in_queue); on_local = true; old = 0
    :: else -> enqueue(old)
    fi
}

inline cancel()
{
#ifdef BUG_CANCEL_UNLINKS
    atomic { flags = flags & DELETED; owed = false; asked = false }
#else
    atomic { flags = flags & (PENDING | DELETED); owed = false; asked = false }
#endif
}

inline delete() { atomic { flags = flags | DELETED; owed = false; asked = false; deleted = true } }

/* Takes the bottom half out of the queue; old holds the flags before, due and gone what was promised at that moment. */
#define SNAPSHOT        old = flags; due = asked; asked = false; gone = deleted

inline dequeue(old, due, gone)
{
#if defined(BUG_CLEAR_BEFORE_UNLINK)
    atomic { SNAPSHOT; flags = flags & DELETED };
    in_queue = false
#elif defined(BUG_CLEAR_AFTER_CALLBACK)
    in_queue = false;
    atomic { SNAPSHOT }
#elif defined(BUG_TWO_STEPS)
    in_queue = false;
    old = flags;
    atomic { due = asked; asked = false; gone = deleted; flags = old & DELETED }
#else
    in_queue = false;
    atomic { SNAPSHOT; flags = flags & DELETED }
#endif
}

#define IS_SCHEDULED    ((flags & SCHEDULED) && !(flags & DELETED))
#ifdef ALWAYS_NOTIFY
#define STACK_TEST      false
#else
#define STACK_TEST      on_stack
#endif
#ifdef BUG_NO_STACK_TEST
#undef STACK_TEST
#define STACK_TEST      false
#endif
/* Of those that lie in the home thread's list. */
#define IS_DUE          (on_local && IS_SCHEDULED)

/* TakeStack, before the time-out is computed. */
inline take_stack()
{
    if
    :: atomic { on_stack -> on_stack = false; assert(!on_local); on_local = true }
    :: else
    fi
}

/* The wait; the time-out of an idle one ends it sooner or later. */
inline sleep()
{
    asleep = true;
    if
    :: event
#ifdef POLLING
    :: on_local && (flags & IDLY) && !(flags & DELETED)
#endif
    fi;
    asleep = false
}
#define FORGET          old = 0; due = false; gone = false      /* Fewer states. */

active proctype Loop()
{
    byte old;
    bool due, gone, found;
#ifdef POLLING
    byte rounds;
#endif

    do
    ::
#if defined(OUTER) || defined(BLIND_PREPARE)
        armed = true;                           /* Prepare; the time-out is computed after it. */
        take_stack();
        if
#ifndef BLIND_PREPARE
        :: notified
#endif
        :: else ->
            if
            :: IS_DUE
            :: else ->
                if
                :: schedule_home(old)           /* By another source of the outer loop, which is prepared after this one. */
                :: true
                fi;
                sleep()
            fi
        fi;
#else
        take_stack();
        found = IS_DUE;
#ifdef POLLING
        if
        :: !found ->
            /* Polls for as long as it seems to pay, which is not for ever. */
            do
            :: rounds < 2 ->
                rounds++;
                take_stack();
#ifdef BUG_IDLE_IS_WORK
                found = (notified || on_local);
#else
                found = (notified || IS_DUE);
#endif
                if
                :: found -> break
                :: else
                fi
            :: break
            od;
            rounds = 0
        :: else
        fi;
#endif
        if
        :: found
        :: else ->
            armed = true;
            if
            :: notified || STACK_TEST
            :: else -> sleep()
            fi
        fi;
        found = false;
#endif
        armed = false;
        notified = false;                       /* Accept. */
        event = false;
        if
        :: atomic { on_stack || on_local -> on_stack = false; on_local = false; in_queue = true }
            dequeue(old, due, gone);
#ifdef BUG_IGNORE_DELETED
            if
            :: old & (SCHEDULED | IDLY) ->
#else
            if
            :: (old & (SCHEDULED | IDLY)) && !(old & DELETED) ->
#endif
                /* The callback starts. It is called only if scheduled since the last call, and never after delete. */
                atomic { assert(due && !gone); owed = false; FORGET };
                if
#ifndef IDLE
                :: schedule_home(old)           /* It schedules itself. */
                :: true
#elif defined(POLLING)
                :: schedule_idle_home(old)
#else
                :: true
#endif
                fi;
#ifdef BUG_CLEAR_AFTER_CALLBACK
                flags = flags & DELETED
#endif
            :: else -> atomic { FORGET }
            fi
        :: else
        fi
    od
}

/* The owner does everything; after its delete it keeps its hands off. */
active proctype Owner()
{
    byte old;

    do
#ifdef IDLE
    :: schedule_idle(old)
#else
    :: schedule(old)
#endif
    :: cancel()
    :: delete(); break
    :: break
    od;
    owner_done = true
}

/* Another thread schedules, also after the delete. */
active proctype Other()
{
    byte old;

    do
    :: schedule(old)
    :: break
    od;
    other_done = true
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* I11: each schedule is followed by a callback that starts later, unless cancelled or deleted. */
ltl called_after_schedule { [] (owed -> <> !owed) }

/* An idle one lets the loop sleep, once nobody schedules urgently any more. */
ltl idle_lets_sleep { <> [] (owner_done && other_done) -> [] <> asleep }
