/*
 * Back pressure: a sender whose receiver's guest has no buffers stops reading its source until that guest kicks.
 *
 * The sender (a TX queue's bottom half, or a tap's handler, on one thread) delivers under the receiving ring's lock. When
 * buffers run out it joins the ring's waiters, enables the guest's kicks and looks again; if nothing came it leaves its
 * frames where they are. The ring's thread takes the kick, disables kicks and schedules all waiters, under the lock.
 *
 * Abstracted away: calls, more than one waiter, split or packed (no_notify stands for either, and for the event index),
 * a frame that needs several buffers, the notify protocol of the sender's loop (its bottom half is just a flag).
 *
 *   -DEVENT_IDX           the guest kicks only when it adds the buffer behind the index that was asked for
 *   -DPOLLED              the ring's thread polls instead; kicks stay off (busy threads, rings without a kick descriptor)
 *
 * Planted faults:
 *   BUG_NO_LOOK_AGAIN     the sender leaves after enabling kicks without looking again
 *   BUG_PEEK_AGAIN        when it gives up it peeks once more, and counts buffers that it never tried as insufficient
 *   BUG_LOOK_FIRST        it looks, and then enables kicks
 *   BUG_WAIT_UNLOCKED     it joins the waiters after it gave the ring's lock back
 *   BUG_KEEP_READING      it reschedules itself instead of waiting: a busy loop
 *   BUG_WAKE_UNLOCKED     the kick's handler looks at the waiters before it takes the lock
 *   BUG_NOBODY_POLLS      kicks stay off, and nobody polls for the waiters (-DPOLLED)
 */

#define SIZE 2
#define FRAMES 3                /* What the source has to send at most; it counts down. */

bool locked;
bool no_notify = true;
byte event = 3;                 /* Event index: behind the ring, so nobody is asked. */
bool kick;
byte added, used;               /* Modulo 4. */
byte seen;                      /* Buffers up to here were looked at and did not suffice. */
#define BUFFERS         ((added + 4 - used) % 4)

byte frames = FRAMES;           /* In the source: a TX ring, a socket. */
bool scheduled = true;          /* The sender's bottom half. */
bool waiting;                   /* The sender is among the ring's waiters. */
bool guest_done;
bool sender_idle, thread_idle;

inline lock()   { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

active proctype Guest()
{
    do
    :: BUFFERS < SIZE ->
        added = (added + 1) % 4;
        if
#ifdef EVENT_IDX
        :: (event + 1) % 4 == added -> kick = true
#else
        :: !no_notify -> kick = true
#endif
        :: else
        fi
    :: break
    od;
    guest_done = true
}

inline enable_kicks()
{
#ifndef POLLED
    no_notify = false;
    event = seen
#else
    skip
#endif
}

inline deliver()
{
    do
    :: frames > 0 && BUFFERS > 0 -> atomic { used = (used + 1) % 4; frames-- }
    :: else -> break
    od
}

active proctype Sender()
{
    do
    ::  sender_idle = true;
        atomic { scheduled -> scheduled = false; sender_idle = false };
        lock();
        deliver();
#ifdef BUG_PEEK_AGAIN
        seen = added;
#else
        seen = used;            /* What deliver saw last: no buffer left. */
#endif
#ifdef BUG_KEEP_READING
        if
        :: frames > 0 -> scheduled = true
        :: else
        fi;
#else
        if
        :: frames > 0 ->
#if defined(BUG_LOOK_FIRST)
            if
            :: BUFFERS == 0 -> waiting = true; enable_kicks()
            :: else -> scheduled = true
            fi
#elif defined(BUG_WAIT_UNLOCKED)
            enable_kicks();
            if
            :: added == seen -> unlock(); waiting = true; lock()
            :: else -> scheduled = true
            fi
#else
            waiting = true;
            enable_kicks();
            if
#ifndef BUG_NO_LOOK_AGAIN
            :: added != seen -> waiting = false; scheduled = true     /* Deliver's loop, as another turn. */
#endif
            :: else
            fi
#endif
        :: else
        fi;
#endif
        unlock()
    od
}

inline wake_waiters()
{
    lock();
    no_notify = true;
    if
    :: waiting -> waiting = false; scheduled = true
    :: else
    fi;
    unlock()
}

active proctype RingThread()
{
    do
    ::  thread_idle = true;
#if defined(POLLED)
#ifdef BUG_NOBODY_POLLS
        (false);
#else
        (waiting && added != seen);
#endif
        thread_idle = false;
        wake_waiters()
#else
        atomic { kick -> thread_idle = false };
        kick = false;
#ifdef BUG_WAKE_UNLOCKED
        if
        :: waiting -> wake_waiters()
        :: else -> lock(); no_notify = true; unlock()
        fi
#else
        wake_waiters()
#endif
#endif
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* Frames and buffers never wait for each other for good. */
ltl no_lost_resume { [] ((frames > 0 && BUFFERS > 0) -> <> !(frames > 0 && BUFFERS > 0)) }

/* I9: without buffers, or without frames, both threads sleep in the end. */
ltl no_busy_loop { <> guest_done -> <> [] (sender_idle && thread_idle && !scheduled && !kick) }
