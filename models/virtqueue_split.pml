/*
 * Notification suppression of a split virtqueue, both directions at once: a driver that adds buffers and kicks, a device
 * that uses them and calls. Each side suppresses the other's notifications while it is busy, and enables them and looks
 * again before it sleeps (the virtio_net_tx_bh pattern).
 *
 *   (default)        the flags: used.flags NO_NOTIFY (written by the device), avail.flags NO_INTERRUPT (by the driver)
 *   -DEVENT_IDX      the indices: used.avail_event (device), avail.used_event (driver); see vring_need_event
 *
 * Abstracted away: the rings' contents (a buffer is an index), the order in which the device uses buffers, memory
 * ordering (each "publish, then look" and "enable, then look" stands for a full barrier between the two).
 * Indices count modulo 2 * SIZE, as 65536 is to the largest ring of 32768.
 *
 * Planted faults:
 *   BUG_DEVICE_NO_LOOK   the device sleeps after it enabled kicks without looking at avail.idx again
 *   BUG_DRIVER_NO_LOOK   the driver sleeps after it enabled calls without looking at used.idx again
 *   BUG_LOOK_FIRST       the device looks, and then enables kicks
 *   BUG_KICK_FIRST       the driver decides whether to kick before it publishes avail.idx
 *   BUG_CALL_FIRST       the device decides whether to call before it publishes used.idx
 *   BUG_EVENT_EQUAL      the event index is compared with the last index alone, not with the batch (EVENT_IDX)
 *   BUG_NO_ENABLE        the device goes to sleep after a full burst without having enabled kicks
 *   BUG_RESCHEDULE       the device's bottom half reschedules itself when the ring is empty: a busy loop
 *   BUG_DRAIN_LATE       the device reads its kick eventfd after it looked at the ring for the last time
 */

#define SIZE    2               /* Descriptors of the ring. */
#define INDICES 4
#define BURST   1               /* What one run of the device's bottom half takes at most. */
#define TOTAL   5               /* Buffers that the driver adds at most; wraps the indices. */

#define MINUS(a, b)             (((a) + INDICES - (b)) % INDICES)
#define PLUS(a, b)              (((a) + (b)) % INDICES)

/* vring_need_event: is event in [old, new)? */
#ifdef BUG_EVENT_EQUAL
#define NEED_EVENT(event, new, old)     (PLUS(event, 1) == (new))
#else
#define NEED_EVENT(event, new, old)     (MINUS(MINUS(new, event), 1) < MINUS(new, old))
#endif

byte avail_idx, used_idx;
#ifdef EVENT_IDX
byte avail_event, used_event;
#else
bool no_notify, no_interrupt;
#endif
bool kick, call;                /* The eventfds. */

bool driver_done;               /* The driver will add nothing more and has got everything back. */
bool device_asleep;

/* ---- the driver's side ---- */

inline kick_if_wanted(old)
{
    if
#ifdef EVENT_IDX
    :: NEED_EVENT(avail_event, avail_idx, old) -> kick = true
#else
    :: !no_notify -> kick = true
#endif
    :: else
    fi
}

inline enable_calls(last_used)
{
#ifdef EVENT_IDX
    used_event = last_used
#else
    no_interrupt = false
#endif
}

inline disable_calls()
{
#ifndef EVENT_IDX
    no_interrupt = true
#endif
    skip
}

inline wait_for_used(last_used)
{
    enable_calls(last_used);
    if
#ifndef BUG_DRIVER_NO_LOOK
    :: used_idx != last_used -> skip
#endif
    :: else -> (call); call = false
    fi;
    disable_calls();
    last_used = used_idx
}

active proctype Driver()
{
    byte last_used, old, added, n;

    do
    :: added < TOTAL && MINUS(avail_idx, last_used) < SIZE ->
        /* A batch of one, or of all that fits, with one kick. */
        n = 1;
        if
        :: MINUS(avail_idx, last_used) + 2 <= SIZE && added + 2 <= TOTAL -> n = 2
        :: true
        fi;
        old = avail_idx;
#ifdef BUG_KICK_FIRST
        if
#ifdef EVENT_IDX
        :: NEED_EVENT(avail_event, PLUS(old, n), old) -> avail_idx = PLUS(old, n); kick = true
#else
        :: !no_notify -> avail_idx = PLUS(old, n); kick = true
#endif
        :: else -> avail_idx = PLUS(old, n)
        fi;
#else
        avail_idx = PLUS(old, n);
        kick_if_wanted(old);
#endif
        atomic { added = added + n; n = 0; old = 0 }
    :: avail_idx != last_used -> wait_for_used(last_used)
    :: avail_idx == last_used -> break          /* It may stop whenever it has everything back. */
    od;
    driver_done = true
}

/* ---- the device's side ---- */

inline call_if_wanted(old)
{
    if
#ifdef EVENT_IDX
    :: NEED_EVENT(used_event, used_idx, old) -> call = true
#else
    :: !no_interrupt -> call = true
#endif
    :: else
    fi
}

inline enable_kicks(last_avail)
{
#ifdef EVENT_IDX
    avail_event = last_avail
#else
    no_notify = false
#endif
}

inline disable_kicks()
{
#ifndef EVENT_IDX
    no_notify = true
#endif
    skip
}

/* Uses up to a burst of buffers; n says how many. */
inline burst(last_avail, n, old)
{
    n = MINUS(avail_idx, last_avail);
    n = (n > BURST -> BURST : n);
    if
    :: n > 0 ->
        last_avail = PLUS(last_avail, n);
        old = used_idx;
#ifdef BUG_CALL_FIRST
        if
#ifdef EVENT_IDX
        :: NEED_EVENT(used_event, PLUS(old, n), old) -> used_idx = PLUS(old, n); call = true
#else
        :: !no_interrupt -> used_idx = PLUS(old, n); call = true
#endif
        :: else -> used_idx = PLUS(old, n)
        fi
#else
        used_idx = PLUS(old, n);
        call_if_wanted(old)
#endif
        ; old = 0
    :: else
    fi
}

active proctype Device()
{
    byte last_avail, n, old;
    bool scheduled;

    do
    :: scheduled ->
        burst(last_avail, n, old);
        if
        :: n == BURST ->                        /* A full budget: reschedule, so that others run. */
#ifdef BUG_NO_ENABLE
            scheduled = false
#else
            skip
#endif
        :: else ->
#ifdef BUG_LOOK_FIRST
            if
            :: avail_idx != last_avail -> skip
            :: else -> enable_kicks(last_avail); scheduled = false
            fi
#else
            enable_kicks(last_avail);
            if
#ifndef BUG_DEVICE_NO_LOOK
            :: avail_idx != last_avail -> disable_kicks()
#endif
            :: else ->
#ifndef BUG_RESCHEDULE
                scheduled = false
#else
                skip
#endif
            fi
#endif
#ifdef BUG_DRAIN_LATE
            ; kick = false
#endif
        fi
    :: !scheduled ->
        device_asleep = true;
        atomic { kick -> device_asleep = false }
#ifndef BUG_DRAIN_LATE
        kick = false;
#endif
        disable_kicks();
        scheduled = true
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/*
 * Nothing is lost and nothing spins: the driver gets every buffer back, and in the end the device sleeps for good with
 * nothing left in the ring. The driver adds a bounded number, so this holds for both directions at once.
 */
ltl all_used_then_quiet { <> [] (driver_done && device_asleep && !kick && avail_idx == used_idx) }
