/*
 * An outer loop, a foreign poller, and work that can't be done yet: a timer armed for later by a third thread.
 *
 * notify.pml's work can be done by whoever takes the event. A new deadline can't: the foreign poller takes the event, finds
 * the timer not due, and leaves, while the outer loop sleeps with the time-out that it computed before. So a poller that
 * takes an event while bit 0 of notify_me is set kicks the outer loop on a second descriptor. (A handler that was added
 * is the same case: the outer loop does not know its fd yet.)
 *
 * Abstracted away: bottom halves, more than one timer, the time itself (it is due whenever Time says so).
 *
 *   (default)        accept kicks a sleeping outer loop
 *   BUG_NO_KICK      it does not: the timer is late for as long as nothing else wakes the outer loop
 */

byte notify_me;
bool notified, event_set, event;
bool kick;              /* The outer loop's own descriptor. */
bool locked;
bool deadline;          /* A timer is on the list. */
bool due;               /* Its time has come. */

inline lock()   { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline notify()
{
    notified = true;
    if
    :: notify_me != 0 -> event = true; event_set = true
    :: else
    fi
}

inline kick_outer()
{
    if
    :: notify_me & 1 -> kick = true
    :: else
    fi
}

inline accept_notify(ready, outer)
{
    notified = false;
    if
    :: atomic { event_set -> event_set = false; ready = true }
    :: else
    fi;
    if
    :: ready ->
        event = false;
        ready = false;
#ifndef BUG_NO_KICK
        if
        :: !outer -> kick_outer()
        :: else
        fi
#endif
    :: else
    fi
}

inline run_timers()
{
    if
    :: atomic { deadline && due -> deadline = false; due = false }
    :: else
    fi
}

active proctype Outer()
{
    bool knows, ready, now;

    do
    ::  lock();
        notify_me = notify_me | 1;              /* Prepare. */
        now = notified;
        knows = deadline;                       /* Query: the time-out covers the timers that are known now. */
        unlock();
        if
        :: now
        :: event -> ready = true
        :: kick
        :: knows && due
        fi;
        atomic { now = false; knows = false };
        lock();
        notify_me = notify_me & 254;            /* Check. */
        kick = false;
        accept_notify(ready, true);
        run_timers();
        unlock()
    od
}

active proctype Foreign()
{
    bool knows, ready;

    do
    ::  lock();
        knows = deadline;
        notify_me = notify_me + 2;
        if
        :: notified
        :: event -> ready = true
        :: knows && due
        :: true                                 /* A time-out of its own. */
        fi;
        knows = false;
        notify_me = notify_me - 2;
        accept_notify(ready, false);
        run_timers();
        unlock()
    :: break
    od
}

active proctype Setter()
{
    do
    :: atomic { !deadline -> deadline = true }; notify()
    :: break
    od
}

active proctype Time()
{
    do
    :: atomic { deadline && !due -> due = true }
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* A timer that is due fires, although nothing else happens. */
ltl timer_fires { [] (due -> <> !due) }
