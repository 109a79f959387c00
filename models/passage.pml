/*
 * Waiting until no data thread uses what was unpublished (a port that leaves its network), without a fence per burst.
 *
 * A data thread marks itself inside by a plain store, then reads what is published, uses it, and marks itself outside. Its
 * stores wait in a store buffer, in order. The control thread unpublishes, runs a barrier on every thread of the process
 * (membarrier), and then waits until it has seen the thread outside, or seen that it came out and went in again.
 *
 * Abstracted away: nesting (inside is 0 or 1), several data threads (each is waited for in turn), the count of turns (only
 * "changed since it was looked at" matters; 64 bits do not wrap).
 *
 * Planted faults:
 *   BUG_NO_BARRIER       the control thread does without the process-wide barrier
 *   BUG_NO_WAIT          it frees after the barrier without waiting
 *   BUG_LOAD_FIRST       the data thread reads what is published before it marks itself inside
 *   BUG_TURN_EARLY       the control thread looks at the count of turns before the barrier
 *   BUG_NO_TURNS         it waits to see the thread outside: a busy thread may never be seen there
 */

#define DEPTH 0
#define TURN 1

chan buffer = [3] of { bit, bit };      /* The data thread's stores under way: which variable, and its value. */
bool inside;                            /* As other threads see it. */
bool turned;                            /* The count of turns differs from the one that the control thread remembers. */
bool published = true;
bool freed;
bool waiting;

inline store_out(which, value)
{
    buffer?which, value;
    if
    :: which == DEPTH -> inside = value
    :: else -> turned = true
    fi
}

/* The hardware empties the buffer in its own time, but it does empty it. */
active proctype Hardware()
{
    bit which, value;

    do
    :: d_step { nempty(buffer) -> store_out(which, value); which = 0; value = 0 }
    od
}

active proctype Data()
{
    bool seen;

    do
    ::
#ifdef BUG_LOAD_FIRST
        seen = published;
        buffer!DEPTH, 1;
#else
        buffer!DEPTH, 1;
        seen = published;
#endif
        if
        :: seen -> assert(!freed); seen = false; assert(!freed)
        :: else
        fi;
        buffer!TURN, 1;
        buffer!DEPTH, 0
    od
}

active proctype Control()
{
    bit which, value;

    published = false;
#ifdef BUG_TURN_EARLY
    turned = false;
#endif
#ifndef BUG_NO_BARRIER
    d_step {
        do
        :: nempty(buffer) -> store_out(which, value)
        :: empty(buffer) -> break
        od;
        which = 0;
        value = 0
    };
#endif
#ifndef BUG_TURN_EARLY
    turned = false;
#endif
    waiting = true;
#if defined(BUG_NO_WAIT)
    skip;
#elif defined(BUG_NO_TURNS)
    (!inside);
#else
    (!inside || turned);
#endif
    waiting = false;
    freed = true
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* The wait ends, however busy the data thread is. (That nothing is used after it was freed is asserted on the way.) */
ltl wait_ends { [] (waiting -> <> !waiting) }
