/*
 * The notify protocol of AioContext: Notify, arm, wait, disarm, accept ("split flag").
 *
 * Abstracted away: what the work is (one bit stands for a scheduled bottom half, a due timer, a changed handler),
 * time-outs other than 0 and infinity, and all fds except the context's own notifier (event = the eventfd is readable).
 * Memory is sequentially consistent here; barriers.pml holds the same protocol on a machine with store buffers.
 *
 * Who polls:
 *   (default)           one home thread that calls Poll(blocking)
 *   -DNESTED            the same, and a callback may call Poll(blocking) again
 *   -DOUTER             an outer loop drives prepare, query, check and dispatch (bit 0 of notify_me) instead
 *   -DOUTER -DFOREIGN   and a second thread may call Poll(blocking) while the outer loop sleeps; both hold a lock
 *                       whenever they run the context's code, the outer loop gives it up around its ppoll only
 * -DSHORTCUT            a schedule that finds its bottom half scheduled does not notify
 * -DSKIP_NOTIFIED       nor does one that finds notified set, provided that nobody but the home thread polls; the outer
 *                       loop looks at notified between prepare and query because of it
 * -DBLIND_PREPARE       the outer loop does not look at notified there (QEMU's does not)
 * -DFLAG_ONLY           accept trusts event_set alone; otherwise it also reads an eventfd that the monitor saw readable
 * -DLATE_CLEAR          the placement of QEMU 5.2 and later: accept clears only the flag, and the eventfd is read by its
 *                       handler, after the bottom halves. Right with one home thread, a hang with a foreign poller.
 *
 * Planted faults:
 *   BUG_FLAG_FIRST      Notify sets event_set before it writes the eventfd (H3)
 *   BUG_SKIP_IF_SET     Notify leaves the write out when event_set is already set (H4)
 *   BUG_NOTIFY_ORDER    notify_me is read before the work and notified are stored (H5)
 *   BUG_ARM_ORDER       the poller looks for work or notified before it arms (H6)
 *   BUG_NO_ARM_TEST     the poller doesn't look at notified after it armed (H7)
 *   BUG_LATE_ACCEPT     accept runs after the bottom halves (I5 broken)
 *   BUG_DISARM_LATE     the poller stays counted while it dispatches (I3 broken: no hang, but useless writes)
 *   BUG_ONE_BIT         notify_me is one bit for all pollers instead of a bit and a count
 */

byte notify_me;         /* Bit 0: the outer loop is between prepare and check. Steps of 2: armed calls of Poll. */
bool notified;          /* A Notify happened since the last accept. */
bool event_set;         /* An eventfd write was finished since the last accept. */
bool event;             /* The eventfd is readable. */
bool work;              /* There is something to dispatch. */
bool finished;          /* No thread will ever create work again. */
byte asleep;            /* Threads inside the blocking wait. */

#if defined(OUTER) && defined(FOREIGN)
bool locked;
#define LOCK()          atomic { !locked -> locked = true }
#define UNLOCK()        locked = false
#else
#define LOCK()          skip
#define UNLOCK()        skip
#endif

#ifdef BUG_ONE_BIT
#define ARM(step)       notify_me = 1
#define DISARM(step)    notify_me = 0
#else
/* Plain load, plain store: only one thread at a time runs the context's code. */
#define ARM(step)       copy = notify_me; d_step { notify_me = copy + step; copy = 0 }
#define DISARM(step)    copy = notify_me; d_step { notify_me = copy - step; copy = 0 }
#endif

#ifdef BUG_NO_ARM_TEST
#define LOOK_AFTER_ARMING true
#else
#define LOOK_AFTER_ARMING !notified
#endif

#ifdef BUG_LATE_ACCEPT
#define ACCEPT_BEFORE   skip
#define ACCEPT_AFTER    accept_notify(ready)
#else
#define ACCEPT_BEFORE   accept_notify(ready)
#define ACCEPT_AFTER    skip
#endif

inline write_eventfd()
{
#if defined(BUG_SKIP_IF_SET)
    if
    :: !event_set -> event = true; event_set = true
    :: else
    fi
#elif defined(BUG_FLAG_FIRST)
    event_set = true;
    event = true
#elif defined(LATE_CLEAR)
    event = true
#else
    event = true;
    event_set = true
#endif
}

inline notify()
{
    notified = true;
    if :: notify_me != 0 -> write_eventfd() :: else fi
}

inline notify_published()
{
#ifdef SKIP_NOTIFIED
    if
    :: notified
    :: else -> notify()
    fi
#else
    notify()
#endif
}

inline schedule()
{
#if defined(BUG_NOTIFY_ORDER)
    if
    :: notify_me != 0 -> work = true; notified = true; write_eventfd()
    :: else -> work = true; notified = true
    fi
#elif defined(SHORTCUT)
    if :: atomic { !work -> work = true } notify_published() :: else fi
#else
    work = true;
    notify_published()
#endif
}

inline accept_notify(ready)
{
    notified = false;
#ifndef LATE_CLEAR
    if
    :: atomic { event_set -> event_set = false } event = false
#ifdef FLAG_ONLY
    :: else
#else
    :: else -> if :: ready -> event = false :: else fi
#endif
    fi
#endif
}

/* The fd monitor: return when the eventfd is readable, at once if the time-out is 0. */
inline wait_for_event(forever, ready)
{
    if
    :: forever ->
        assert(notify_me != 0);         /* I2: nobody sleeps unless Notify is told to write. */
        asleep++;
        atomic { event -> asleep--; ready = true }
    :: else -> ready = event
    fi
}

inline disarm(armed, forever)
{
    if :: armed -> DISARM(2) :: else fi;
    d_step { armed = false; forever = false }
}

/* Steps 5 to 9 of Poll: arm, wait, disarm, accept. */
inline sleep_and_accept(armed, forever, ready)
{
    armed = !work;                              /* The computed time-out is 0 when there is work. */
    forever = false;
    if
    :: armed ->
#if defined(BUG_ARM_ORDER)
        forever = !notified;
        ARM(2)
#else
        ARM(2);
        forever = LOOK_AFTER_ARMING
#endif
    :: else
    fi;
    wait_for_event(forever, ready);
#ifndef BUG_DISARM_LATE
    disarm(armed, forever);
#endif
    ACCEPT_BEFORE
}

/* What a bottom half does: nothing, or schedule again for as long as others do. */
inline plain_callback()
{
#ifndef FOREIGN
    assert(notify_me == 0);                     /* I3: what the loop's own thread schedules costs no eventfd write. */
#endif
    if
    :: !finished -> schedule()
    :: true
    fi
}

inline after_dispatch(ready)
{
    ACCEPT_AFTER;
#ifdef LATE_CLEAR
    if :: ready -> event = false :: else fi;
#endif
    ready = false
}

inline dispatch(ready)
{
    if :: atomic { work -> work = false } plain_callback() :: else fi;
#ifdef BUG_DISARM_LATE
    disarm(armed, forever);
#endif
    after_dispatch(ready)
}

#ifndef OUTER
active proctype Home()
{
    bool armed, forever, ready;
    byte copy;
#ifdef NESTED
    bool armed2, forever2, ready2;
#endif

    do
    ::  sleep_and_accept(armed, forever, ready);
#ifdef NESTED
        if
        :: atomic { work -> work = false }
            if
            :: sleep_and_accept(armed2, forever2, ready2); dispatch(ready2)
            :: plain_callback()
            fi
        :: else
        fi;
        after_dispatch(ready)
#else
        dispatch(ready)
#endif
    od
}
#else
active proctype Outer()
{
    bool forever, ready;
    byte copy;

    do
    ::  LOCK();
#ifdef BUG_ARM_ORDER
        forever = !work;                        /* Query. */
        ARM(1);
#else
        ARM(1);                                 /* Prepare. */
#ifdef BLIND_PREPARE
        forever = !work;                        /* Query. */
#else
        forever = !notified;
        forever = forever && !work;             /* Query. */
#endif
#endif
        UNLOCK();
        wait_for_event(forever, ready);
        LOCK();
        DISARM(1);                              /* Check. */
        ACCEPT_BEFORE;
        dispatch(ready);
        UNLOCK()
    od
}
#endif

#ifdef FOREIGN
active proctype Foreign()
{
    bool armed, forever, ready;
    byte copy;

    do
    ::  LOCK();
        sleep_and_accept(armed, forever, ready);
        dispatch(ready);
        UNLOCK()
    :: break
    od
}
#endif

active proctype Notifier()
{
    do
    :: schedule()
    :: break
    od;
    finished = true
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* I8: no lost wake-up. */
ltl no_lost_wakeup { [] (work -> <> !work) }

/* I9: no busy loop. When nobody creates work any more, somebody sleeps for good on an eventfd that stays clear. */
ltl no_busy_loop { <> finished -> <> [] (asleep > 0 && !event) }
