/*
 * Notification suppression of a packed virtqueue, both directions at once; see virtqueue_split.pml for the pattern.
 *
 * A position is a slot and its wrap counter: 0 to SIZE - 1 with the counter at 1, SIZE to 2 * SIZE - 1 with it at 0. A
 * descriptor is available at a position when its avail bit equals the counter and its used bit does not, and used when
 * both do. Each side's event area has flags and a position; the writer stores the position first, the reader loads the
 * flags first.
 *
 *   (default)        flags ENABLE and DISABLE
 *   -DEVENT_IDX      flags DESC with a position, and DISABLE
 *
 * Abstracted away: chains of several descriptors, buffers used out of order, ids, memory ordering (each "publish, then
 * look" and "enable, then look" stands for a full barrier between the two).
 *
 * Planted faults:
 *   BUG_DEVICE_NO_LOOK   the device sleeps after it enabled kicks without looking at the ring again
 *   BUG_DRIVER_NO_LOOK   the driver sleeps after it enabled calls without looking at the ring again
 *   BUG_KICK_FIRST       the driver decides whether to kick before it makes the descriptor available
 *   BUG_WRAP             the decision ignores the event position's wrap counter (EVENT_IDX)
 *   BUG_WHOLE_TURN       the decision takes a whole turn of the ring since the last one for nothing (EVENT_IDX)
 *   BUG_RESCHEDULE       the device's bottom half reschedules itself when the ring is empty: a busy loop
 */

#define SIZE    2
#define TOTAL   5               /* Descriptors that the driver adds at most. */

#define ENABLE  0
#define DISABLE 1
#define DESC    2

#define SLOT(p)         ((p) % SIZE)
#define WRAP(p)         ((p) < SIZE)
#define ADVANCE(p, n)   (((p) + (n)) % (2 * SIZE))
#define DISTANCE(a, b)  (((a) + 2 * SIZE - (b)) % (2 * SIZE))

#define IS_AVAILABLE(p) (avail[SLOT(p)] == WRAP(p) && used[SLOT(p)] != WRAP(p))
#define IS_USED(p)      (avail[SLOT(p)] == WRAP(p) && used[SLOT(p)] == WRAP(p))

/* The specification's arithmetic, as ShouldCall has it: slots, made comparable, modulo 65536 (here 16). */
#define M(x)            (((x) + 16) % 16)
#ifdef BUG_WHOLE_TURN
#define FROM(now, before)       (SLOT(now) < SLOT(before) -> SLOT(before) - SIZE : SLOT(before))
#else
#define FROM(now, before)       (SLOT(now) <= SLOT(before) -> SLOT(before) - SIZE : SLOT(before))
#endif
#ifdef BUG_WRAP
#define AT(now, event)          SLOT(event)
#else
#define AT(now, event)          (WRAP(event) == WRAP(now) -> SLOT(event) : SLOT(event) - SIZE)
#endif
#define NEED_EVENT(event, now, before) (M(SLOT(now) - AT(now, event) - 1) < M(SLOT(now) - FROM(now, before)))

bool avail[SIZE], used[SIZE];
byte device_flags, device_event;        /* The device's wishes: when it wants to be kicked. */
byte driver_flags, driver_event;        /* The driver's: when it wants to be called. */
bool kick, call;

bool driver_done, device_asleep;

/* Notify the other side after before .. now was published. */
inline notify_if_wanted(flags, event, now, before, notifier)
{
    if
    :: flags == ENABLE -> notifier = true
    :: flags == DISABLE
#ifdef EVENT_IDX
    :: flags == DESC ->
        if
        :: NEED_EVENT(event, now, before) -> notifier = true
        :: else
        fi
#endif
    fi
}

inline enable(flags, event, position)
{
#ifdef EVENT_IDX
    event = position;
    flags = DESC
#else
    flags = ENABLE
#endif
}

inline publish(n)
{
    /* The first one's flags go last, so the device sees the batch at once. */
    if
    :: n == 2 -> atomic { avail[SLOT(ADVANCE(next, 1))] = WRAP(ADVANCE(next, 1)); used[SLOT(ADVANCE(next, 1))] = !WRAP(ADVANCE(next, 1)) }
    :: else
    fi;
    atomic { avail[SLOT(next)] = WRAP(next); used[SLOT(next)] = !WRAP(next) }
}

active proctype Driver()
{
    byte next, back, added, n;

    do
    :: added < TOTAL && DISTANCE(next, back) < SIZE ->
        n = 1;
        if
        :: DISTANCE(next, back) == 0 && added + 2 <= TOTAL -> n = 2
        :: true
        fi;
#ifdef BUG_KICK_FIRST
        notify_if_wanted(device_flags, device_event, ADVANCE(next, n), next, kick);
        publish(n);
#else
        publish(n);
        notify_if_wanted(device_flags, device_event, ADVANCE(next, n), next, kick);
#endif
        atomic { next = ADVANCE(next, n); added = added + n; n = 0 }
    :: next != back ->
        if
        :: IS_USED(back) -> back = ADVANCE(back, 1)
        :: else ->
            enable(driver_flags, driver_event, back);
            if
#ifndef BUG_DRIVER_NO_LOOK
            :: IS_USED(back)
#endif
            :: else -> (call); call = false
            fi;
            driver_flags = DISABLE
        fi
    :: next == back -> break                    /* It may stop whenever it has everything back. */
    od;
    driver_done = true
}

active proctype Device()
{
    byte next;
    bool scheduled;

    do
    :: scheduled ->
        if
        :: IS_AVAILABLE(next) ->
            used[SLOT(next)] = WRAP(next);
            notify_if_wanted(driver_flags, driver_event, ADVANCE(next, 1), next, call);
            next = ADVANCE(next, 1)
        :: else ->
            enable(device_flags, device_event, next);
            if
#ifndef BUG_DEVICE_NO_LOOK
            :: IS_AVAILABLE(next) -> device_flags = DISABLE
#endif
#ifdef BUG_RESCHEDULE
            :: else
#else
            :: else -> scheduled = false
#endif
            fi
        fi
    :: !scheduled ->
        device_asleep = true;
        atomic { kick -> device_asleep = false };
        kick = false;
        device_flags = DISABLE;
        scheduled = true
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* Nothing is lost and nothing spins: everything comes back to the driver, and then the device sleeps for good. */
ltl all_used_then_quiet { <> [] (driver_done && device_asleep && !kick) }
