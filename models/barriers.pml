/*
 * The notify protocol on a machine with store buffers: what the full barriers are for (H5, H6 and accept's).
 *
 * Each thread's plain stores wait in a buffer, one slot per variable, and reach memory at any later time and in any
 * order; a thread sees its own buffered stores. A full barrier, and so every Interlocked operation and system call,
 * empties the buffer. That is a little weaker than x86 (where stores of one thread stay in order), so what passes here
 * passes there. Loads are not reordered with loads.
 *
 * The work is a plain store, as a timer's deadline or a handler list is; a bottom half's flags are set by an
 * Interlocked operation, which would hide a missing barrier in Notify.
 *
 *   (default)              Notify and accept exchange notified; arm is followed by a full barrier
 *   BUG_NOTIFY_BARRIER     Notify stores notified without a barrier behind it (H5)
 *   BUG_ARM_BARRIER        no barrier between notify_me += 2 and the look at notified (H6)
 *   BUG_ACCEPT_BARRIER     no barrier between accept's notified = 0 and the look at the work
 *
 * Abstracted away: event_set (the eventfd is read by every accept), and the outer loop.
 */

#define HOME 0
#define OTHER 1

#define WORK 0
#define NOTIFIED 1
#define NOTIFY_ME 2

/* memory[v] is variable v; buffered[3*t+v] says that thread t has a store of value[3*t+v] to it under way. */
bool memory[3];
bool buffered[6];
bool value[6];
bool event;             /* The eventfd: system calls see no buffers. */
bool finished;
bool asleep;

#define LOAD(t, v)      (buffered[3*t+v] -> value[3*t+v] : memory[v])

inline store(t, v, x)   { d_step { buffered[3*t+v] = true; value[3*t+v] = x } }

inline empty_slot(t, v)
{
    if
    :: buffered[3*t+v] -> memory[v] = value[3*t+v]; buffered[3*t+v] = false; value[3*t+v] = false
    :: else
    fi
}

inline barrier(t)       { d_step { empty_slot(t, WORK); empty_slot(t, NOTIFIED); empty_slot(t, NOTIFY_ME) } }

/* Interlocked: barrier, store to memory, barrier. */
inline exchange(t, v, x) { d_step { empty_slot(t, WORK); empty_slot(t, NOTIFIED); empty_slot(t, NOTIFY_ME); memory[v] = x } }

/* The hardware empties each slot in its own time, but it does empty it: one process a slot, for fairness' sake. */
proctype Hardware(byte t; byte v)
{
    do
    :: d_step { buffered[3*t+v] -> empty_slot(t, v) }
    od
}

init
{
    atomic {
        run Home();
        run Other();
        run Hardware(HOME, WORK);
        run Hardware(HOME, NOTIFIED);
        run Hardware(HOME, NOTIFY_ME);
        run Hardware(OTHER, WORK);
        run Hardware(OTHER, NOTIFIED)
    }
}

proctype Home()
{
    bool armed, forever;

    do
    ::  armed = !LOAD(HOME, WORK);
        forever = false;
        if
        :: armed ->
            store(HOME, NOTIFY_ME, true);
#ifndef BUG_ARM_BARRIER
            barrier(HOME);
#endif
            forever = !LOAD(HOME, NOTIFIED)
        :: else
        fi;
        if
        :: forever -> barrier(HOME); asleep = true; atomic { event -> asleep = false }
        :: else
        fi;
        store(HOME, NOTIFY_ME, false);
#ifdef BUG_ACCEPT_BARRIER
        store(HOME, NOTIFIED, false);
#else
        exchange(HOME, NOTIFIED, false);
#endif
        if
        :: event -> barrier(HOME); event = false
        :: else
        fi;
        if
        :: LOAD(HOME, WORK) -> exchange(HOME, WORK, false)
        :: else
        fi
    od
}

proctype Other()
{
    do
    ::  store(OTHER, WORK, true);
#ifdef BUG_NOTIFY_BARRIER
        store(OTHER, NOTIFIED, true);
#else
        exchange(OTHER, NOTIFIED, true);
#endif
        if
        :: LOAD(OTHER, NOTIFY_ME) -> barrier(OTHER); event = true
        :: else
        fi
    :: break
    od;
    barrier(OTHER);
    finished = true
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

ltl no_lost_wakeup { [] (memory[WORK] -> <> !memory[WORK]) }

ltl no_busy_loop { <> finished -> <> [] (asleep && !event) }
