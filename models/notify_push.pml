/*
 * A bottom half that another thread pushes: the stack itself is the flag, and epoll reports the notifier edge triggered.
 *
 * notify.pml has Notify, with its flag, and a level-triggered monitor. Here the work is a bottom half on the stack, where
 * cancelled ones may lie too. Who fills the empty stack looks at notify_me; who finds it filled does nothing; the poller
 * looks at the stack after it armed. The wait itself takes the event, so that accept clears only what was not reported.
 *
 * Abstracted away: as in notify.pml.
 *
 * Who polls:
 *   (default)           one home thread that calls Poll(blocking)
 *   -DNESTED            the same, and a callback may call Poll(blocking) again
 *   -DOUTER             an outer loop drives prepare, query, check and dispatch (bit 0 of notify_me) instead. It waits on
 *                       the epoll descriptor, which takes nothing; check takes the event.
 *   -DOUTER -DFOREIGN   and a second thread may call Poll(blocking) while the outer loop sleeps, both under a lock
 * -DLEVEL               the event stays until accept clears it, as with poll and io_uring
 *
 * Planted faults:
 *   BUG_SLEEP_ON_CANCELLED  the poller sleeps although cancelled bottom halves fill the stack
 *   BUG_NO_ARM_TEST         the poller doesn't look at the stack after it armed
 *   BUG_ARM_ORDER           it looks before it armed
 *   BUG_TAKE_FIRST          the stack is taken before the event is accepted (I5 broken)
 *   BUG_LOOK_FIRST          notify_me is read before the push
 *   BUG_EDGE_LEFT           check does not take the event that the outer loop's wait reported
 */

byte notify_me;         /* Bit 0: the outer loop is between prepare and check. Steps of 2: armed calls of Poll. */
bool event_set;         /* An eventfd write was finished since the last accept. */
bool event;             /* The monitor would report the eventfd. */
bool work;              /* A bottom half that is due lies on the stack. */
bool cancelled;         /* A cancelled one does. */
byte creators = 2;      /* Threads that may still push something. */
byte asleep;            /* Threads inside the blocking wait. */

#define FILLED          (work || cancelled)
#define finished        (creators == 0)

#ifdef FOREIGN
bool locked;
#define LOCK()          atomic { !locked -> locked = true }
#define UNLOCK()        locked = false
#else
#define LOCK()          skip
#define UNLOCK()        skip
#endif

/* Plain load, plain store: only one thread at a time runs the context's code. */
#define ARM(step)       copy = notify_me; d_step { notify_me = copy + step; copy = 0 }
#define DISARM(step)    copy = notify_me; d_step { notify_me = copy - step; copy = 0 }

#ifdef BUG_SLEEP_ON_CANCELLED
#define MAY_SLEEP       (!work)
#else
#define MAY_SLEEP       (!FILLED)
#endif

#ifdef LEVEL
#define TAKE_EVENT(reported)    reported = event
#define CONSUME                 skip
#else
#define TAKE_EVENT(reported)    atomic { reported = event; event = false }
#define CONSUME                 event = false
#endif

inline wake()
{
    if
    :: notify_me != 0 -> event = true; event_set = true
    :: else
    fi
}

/* One step of the stack's head; only the way from empty to filled is announced. */
inline push(what)
{
#ifdef BUG_LOOK_FIRST
    if
    :: notify_me != 0 -> what = true; event = true; event_set = true
    :: else -> what = true
    fi
#else
    if
    :: atomic { !FILLED -> what = true } wake()
    :: atomic { FILLED -> what = true }
    fi
#endif
}

inline accept_event(reported)
{
    if
    :: atomic { event_set -> event_set = false }
#ifdef LEVEL
        event = false
#else
        if :: reported :: else -> event = false fi
#endif
    :: else ->
#ifdef LEVEL
        if :: reported -> event = false :: else fi
#endif
    fi;
    reported = false
}

/* The fd monitor: return when there is an event, at once if the time-out is 0. */
inline wait_for_event(forever, reported)
{
    if
    :: forever ->
        assert(notify_me != 0);         /* I2: nobody sleeps unless a push is told to write. */
        asleep++;
        atomic { event -> asleep--; reported = true; CONSUME }
    :: else -> TAKE_EVENT(reported)
    fi
}

/* Steps 5 to 8 of Poll: arm, wait, disarm, accept. */
inline sleep_and_accept(armed, forever, reported)
{
    armed = MAY_SLEEP;
    forever = false;
    if
    :: armed ->
#if defined(BUG_ARM_ORDER)
        forever = MAY_SLEEP;
        ARM(2)
#elif defined(BUG_NO_ARM_TEST)
        ARM(2);
        forever = true
#else
        ARM(2);
        forever = MAY_SLEEP
#endif
    :: else
    fi;
    wait_for_event(forever, reported);
    if :: armed -> DISARM(2) :: else fi;
    d_step { armed = false; forever = false };
#ifndef BUG_TAKE_FIRST
    accept_event(reported)
#endif
}

/* What a bottom half does: nothing, or push again for as long as others do. */
inline plain_callback()
{
#ifndef FOREIGN
    assert(notify_me == 0);                     /* I3: what the loop's own thread schedules costs no eventfd write. */
#endif
    if
    :: !finished -> push(work)
    :: true
    fi
}

/* The exchange of the stack's head, then the callbacks. */
inline dispatch(reported)
{
    if
    :: atomic { work -> work = false; cancelled = false }
#ifdef BUG_TAKE_FIRST
        accept_event(reported);
#endif
        plain_callback()
    :: atomic { cancelled && !work -> cancelled = false }
#ifdef BUG_TAKE_FIRST
        accept_event(reported)
#endif
    :: else ->
#ifdef BUG_TAKE_FIRST
        accept_event(reported)
#endif
    fi
}

#ifndef OUTER
active proctype Home()
{
    bool armed, forever, reported;
    byte copy;

    do
    ::  sleep_and_accept(armed, forever, reported);
#ifdef NESTED
        if
        :: atomic { work -> work = false; cancelled = false }
            if
            :: sleep_and_accept(armed, forever, reported); dispatch(reported)
            :: plain_callback()
            fi
        :: else -> cancelled = false
        fi
#else
        dispatch(reported)
#endif
    od
}
#else
active proctype Outer()
{
    bool forever, reported;
    byte copy;

    do
    ::  LOCK();
#ifdef BUG_ARM_ORDER
        forever = MAY_SLEEP;
        ARM(1);
#else
        ARM(1);                                 /* Prepare. */
        forever = MAY_SLEEP;
#endif
        UNLOCK();
        if
        :: forever -> asleep++; atomic { event -> asleep-- }
        :: else
        fi;
        LOCK();
        DISARM(1);                              /* Check. */
#ifdef BUG_EDGE_LEFT
        reported = event;
#else
        TAKE_EVENT(reported);
#endif
#ifndef BUG_TAKE_FIRST
        accept_event(reported);
#endif
        dispatch(reported);
        UNLOCK()
    od
}
#endif

#ifdef FOREIGN
active proctype Foreign()
{
    bool armed, forever, reported;
    byte copy;

    do
    ::  LOCK();
        sleep_and_accept(armed, forever, reported);
        dispatch(reported);
        UNLOCK()
    :: break
    od
}
#endif

active proctype Pusher()
{
    do
    :: push(work)
    :: break
    od;
    creators--
}

/* Schedules and cancels at once. */
active proctype Canceller()
{
    do
    :: push(cancelled)
    :: break
    od;
    creators--
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* I8: no lost wake-up. */
ltl no_lost_wakeup { [] (work -> <> !work) }

/* I9: no busy loop. When nobody pushes any more, somebody sleeps for good and nothing wakes him. */
ltl no_busy_loop { <> finished -> <> [] (asleep > 0 && !event) }
