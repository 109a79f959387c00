/*
 * A ring's life: the control thread starts, moves, stops and frees it while its own data thread works on it and another one
 * delivers into it.
 *
 * The queue's slot names the ring (here: its number; 0 for none). A data thread reads the slot, takes that ring's lock and
 * looks into the slot again before it uses the ring. A start does first what can fail (watching the kick) and publishes last;
 * it and a stop run on the queue's own thread, which the control thread asks and waits for. A move runs under the lock, on
 * the control thread if the lock is soon free, otherwise on the ring's thread. Freed rings' numbers are not used again.
 *
 * Abstracted away: two queues (the own thread's transmit ring and the other's receive ring are one here), the bursts, calls,
 * waiters, which descriptor is watched, the spinning before the control thread asks (it may ask at once).
 *
 *   -DSTOP_ELSEWHERE      the control thread itself stops, as it did: right with the second look
 *
 * Planted faults:
 *   BUG_NO_SECOND_LOOK    a data thread does not look into the slot again (TxQueue.Run as it was; with STOP_ELSEWHERE)
 *   BUG_FOREIGN_BLIND     the same in the thread that delivers (RxQueue.Deliver)
 *   BUG_PUBLISH_FIRST     the ring is published before what can fail (the starts as they were)
 *   BUG_NO_UNDO           a failed start leaves the kick watched
 *   BUG_KICK_LATE         the kick's handler is removed after the ring was freed
 *   BUG_MOVE_UNLOCKED     a move does not take the lock
 *   BUG_ASK_LOCKED        the control thread asks the data thread while it holds the ring's lock: a deadlock
 */

#define RINGS 4                 /* Numbers 1 to 3. */

byte slot;
bool locked[RINGS];
bool freed[RINGS];
bool moving[RINGS];             /* Its pointers are being replaced. */
byte watched;                   /* The ring whose kick's handler is registered. */

/* What the control thread asks the queue's own thread to do. */
mtype = { none, begin, stop, move };
mtype asked = none;
byte subject;                   /* The ring in question. */
bool fails;                     /* The start will not get its descriptor. */
bool started;
bool over;

inline lock(r)   { atomic { !locked[r] -> locked[r] = true } }
inline unlock(r) { locked[r] = false }

/* A burst: more than one step, in which the ring must stay what it is. */
inline use(r)
{
    assert(!freed[r] && !moving[r]);
    assert(!freed[r] && !moving[r])
}

inline relocate(r)
{
    moving[r] = true;
    moving[r] = false
}

inline start_here(r)
{
#ifdef BUG_PUBLISH_FIRST
    slot = r;
#endif
    watched = r;                /* SetEventNotifier; what follows it may fail as well. */
    if
    :: fails ->
#ifndef BUG_NO_UNDO
        watched = 0;
#endif
        started = false
    :: else ->
#ifndef BUG_PUBLISH_FIRST
        lock(r);
        slot = r;
        unlock(r);
#endif
        started = true
    fi
}

inline stop_here(r)
{
#ifndef BUG_KICK_LATE
    watched = 0;
#endif
    lock(r);
    slot = 0;
    unlock(r)
}

/* Run, OnKick, PollReady: all members of the queue's own thread. */
inline work(r, blind)
{
    r = slot;
    if
    :: r != 0 ->
        lock(r);
        if
        :: blind || slot == r -> use(r)
        :: else
        fi;
        unlock(r)
    :: else
    fi;
    r = 0
}

active proctype Own()
{
    byte r;

end:
    do
#ifdef BUG_NO_SECOND_LOOK
    :: !over -> work(r, true)
#else
    :: !over -> work(r, false)
#endif
    :: atomic { watched != 0 -> assert(!freed[watched]) }       /* The kernel reports its kick. */
    :: asked == begin -> start_here(subject); asked = none
    :: asked == stop -> stop_here(subject); asked = none
    :: asked == move -> lock(subject); relocate(subject); unlock(subject); asked = none
    od
}

/* A sender on another thread. */
active proctype Foreign()
{
    byte r;

end:
    do
#ifdef BUG_FOREIGN_BLIND
    :: !over -> work(r, true)
#else
    :: !over -> work(r, false)
#endif
    od
}

inline ask(what)
{
    asked = what;
    (asked == none)
}

inline move_ring(r)
{
#ifdef BUG_MOVE_UNLOCKED
    relocate(r)
#else
    if
    :: atomic { !locked[r] -> locked[r] = true };
        relocate(r);
        unlock(r)
    ::
#ifdef BUG_ASK_LOCKED
        lock(r);
        ask(move);
        unlock(r)
#else
        ask(move)
#endif
    fi
#endif
}

inline stop_ring(r)
{
#ifdef STOP_ELSEWHERE
    watched = 0;
    lock(r);
    slot = 0;
    unlock(r)
#else
    ask(stop)
#endif
}

/* Virtqueue.Dispose: under the lock, which nobody can have for long any more. */
inline free_ring(r)
{
    lock(r);
    freed[r] = true;
    unlock(r)
}

active proctype Control()
{
    byte r = 1;

    do
    :: r < RINGS ->
        subject = r;
        if
        :: fails = true
        :: fails = false
        fi;
        ask(begin);
        if
        :: started ->
            do
            :: move_ring(r)
            :: break
            od;
            stop_ring(r)
        :: else
        fi;
        free_ring(r);
#ifdef BUG_KICK_LATE
        watched = 0;
#endif
        r++
    :: else -> break
    od;

    /* Nothing is left of any of them. */
    assert(slot == 0 && watched == 0);
    over = true
}
