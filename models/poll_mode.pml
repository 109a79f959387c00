/*
 * Adaptive polling of a ring: kicks are off while the loop polls, and come back on before it sleeps.
 *
 * A guest adds buffers to a TX ring; the loop's handler for it has a poll callback (the avail index moved) and callbacks
 * at the begin and end of poll mode, which disable and enable the guest's notifications. After the end callback the loop
 * polls once more, since what came before kicks were on was not kicked. The bottom half takes buffers as in
 * virtqueue_split.pml, but leaves notifications alone while in poll mode.
 *
 * Abstracted away: calls, the notify protocol (the loop's own bottom half is just a flag), the polling time (the loop may
 * give up polling at any moment), event indices.
 *
 *   -DREMOVE            the handler may be taken out and put back (another kick descriptor) while in poll mode; the new one
 *                       is polled once after the old one's end callback
 *
 * Planted faults:
 *   BUG_NO_LAST_POLL    leaving poll mode enables kicks and neither looks at the ring nor polls once more
 *   BUG_POLL_FIRST      the last poll comes before kicks are on
 *   BUG_NO_END          the loop sleeps without having left poll mode
 *   BUG_REMOVE_NO_END   taking out a handler that is in poll mode does not call its end callback (-DREMOVE)
 *   BUG_REMOVE_NO_LOOK  it calls the end callback, but nobody polls once more (the code before; -DREMOVE)
 */

#define SIZE 2

byte added, taken;              /* Modulo 4: indices of the ring. */
#define EMPTY           (added == taken)

bool no_notify;                 /* What the guest sees. */
bool kick;
bool poll_mode;                 /* The loop's. */
bool handler_polls;             /* The handler's begin callback ran, and its end callback has not. */
bool scheduled;                 /* The bottom half. */
bool guest_done;
bool asleep;

active proctype Guest()
{
    do
    :: (added + 4 - taken) % 4 < SIZE ->
        added = (added + 1) % 4;
        if
        :: !no_notify -> kick = true
        :: else
        fi
    :: break
    od;
    guest_done = true
}

inline begin_polling()
{
    handler_polls = true;
    no_notify = true
}

inline end_polling()
{
#ifdef BUG_POLL_FIRST
    if
    :: !EMPTY -> scheduled = true
    :: else
    fi;
#endif
    handler_polls = false;
    no_notify = false;
#if !defined(BUG_NO_LAST_POLL) && !defined(BUG_POLL_FIRST)
    if
    :: !EMPTY -> scheduled = true
    :: else
    fi
#endif
}

/* AioContext.RemoveFromPollList. */
inline remove()
{
#ifdef BUG_REMOVE_NO_END
    handler_polls = false
#else
    handler_polls = false;
    no_notify = false;
#ifndef BUG_REMOVE_NO_LOOK
    if
    :: !EMPTY -> scheduled = true
    :: else
    fi
#endif
#endif
}

/* TxQueue.Run: at most one burst of one buffer, then it reschedules itself. */
inline run_bottom_half()
{
    scheduled = false;
    if
    :: !EMPTY -> taken = (taken + 1) % 4; scheduled = true
    :: else ->
        if
        :: handler_polls
        :: else ->
            no_notify = false;
            if
            :: !EMPTY -> no_notify = true; scheduled = true
            :: else
            fi
        fi
    fi
}

active proctype Loop()
{
    do
    ::  if
        :: scheduled
        :: else ->
            /* Nothing to do: poll for as long as it seems to pay, ... */
            if
            :: poll_mode
            :: !poll_mode -> poll_mode = true; begin_polling()
            :: !poll_mode                       /* ... or not at all, ... */
            fi;
            if
            :: !EMPTY && poll_mode -> scheduled = true
            :: true ->
                /* ... and then sleep. */
#ifndef BUG_NO_END
                if
                :: poll_mode -> poll_mode = false; end_polling()
                :: else
                fi;
#endif
                if
                :: scheduled
                :: else ->
                    asleep = true;
                    atomic { kick -> asleep = false };
                    kick = false;
                    no_notify = true;
                    scheduled = true
                fi
            fi
        fi;
        if
        :: scheduled -> run_bottom_half()
        :: else
        fi;
#ifdef REMOVE
        if
        :: handler_polls ->
            /* Take the handler out and put it back: it starts outside poll mode, and joins it when next it was ready. */
            remove();
            poll_mode = false
        :: true
        fi
#endif
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* No kick is lost on the way in and out of poll mode. */
ltl all_taken { [] (guest_done -> <> EMPTY) }

/* I9. */
ltl no_busy_loop { <> guest_done -> <> [] (asleep && !kick) }

/* While the loop sleeps with an empty ring the guest kicks. */
ltl kicks_on_when_asleep { [] ((asleep && EMPTY && !kick) -> !no_notify) }
