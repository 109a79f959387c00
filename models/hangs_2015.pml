/*
 * The two hangs that taught QEMU its notify protocol, in the loop of that time: an io thread whose outer loop sleeps
 * without the lock, a vcpu thread that polls the same context under the lock, and a worker that schedules bottom halves.
 *
 * The loop here is older than AioContext's (arm before the time-out is computed, the eventfd read by every accept, no
 * adaptive polling); it is kept because deterministic tests replay the same two interleavings, H1 and H2, on ours.
 *
 *   (default)          Notify writes while any thread is in prepare or poll; accept comes before the bottom halves
 *   BUG_DISPATCHING    H1: Notify writes unless some thread dispatches (I1). The vcpu's dispatch says nothing about the io
 *                      thread that already computed "sleep for ever".
 *   BUG_LATE_CLEAR     H2: the eventfd is read by a handler that runs after the bottom halves. The vcpu swallows a
 *                      write that was meant for the io thread as well.
 *   -DSHORTCUT         scheduling what is already scheduled does not notify (the long form of H1 needs it; H1 fails
 *                      without it too)
 *
 * Abstracted away: fds other than the eventfd, timers, non-blocking polls.
 */

bool locked;
byte notify_me;
bool dispatching;
bool event;
bool scheduled;         /* The bottom half. */
bool finished;
byte asleep;

inline lock()   { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline notify()
{
#ifdef BUG_DISPATCHING
    if
    :: !dispatching -> event = true
    :: else
    fi
#else
    if
    :: notify_me != 0 -> event = true
    :: else
    fi
#endif
}

inline schedule()
{
#ifdef SHORTCUT
    if
    :: atomic { !scheduled -> scheduled = true } notify()
    :: else
    fi
#else
    scheduled = true;
    notify()
#endif
}

inline wait_for_event(forever)
{
    if
    :: forever -> asleep++; atomic { event -> asleep-- }
    :: else
    fi
}

inline run_bottom_halves()
{
#ifndef BUG_LATE_CLEAR
    event = false;                              /* Accept. */
#endif
    if
    :: atomic { scheduled -> scheduled = false }
        if
        :: !finished -> schedule()              /* The callback schedules itself again. */
        :: true
        fi
    :: else
    fi;
#ifdef BUG_LATE_CLEAR
    event = false                               /* The notifier's own handler. */
#endif
}

active proctype Io()
{
    bool forever;

    do
    ::  lock();
        notify_me = notify_me | 1;              /* Prepare. */
        dispatching = false;
        forever = !scheduled;
        unlock();
        wait_for_event(forever);
        lock();
        notify_me = notify_me & 254;            /* Check. */
        dispatching = true;
        run_bottom_halves();
        dispatching = false;
        unlock()
    od
}

active proctype Vcpu()
{
    bool forever, outer;

    do
    ::  lock();
        outer = dispatching;
        dispatching = false;
        notify_me = notify_me + 2;
        forever = !scheduled;
        wait_for_event(forever);
        notify_me = notify_me - 2;
        dispatching = true;
        run_bottom_halves();
        dispatching = outer;
        unlock()
    :: break
    od
}

active proctype Worker()
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

ltl no_lost_wakeup { [] (scheduled -> <> !scheduled) }

ltl no_busy_loop { <> finished -> <> [] (asleep > 0 && !event) }
