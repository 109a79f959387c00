/*
 * The loop on wait handles (QEMU's loop for Windows): one blocking wait, then as many that do not block as there are
 * signalled handles (H9).
 *
 * Arm comes before the time-out is computed, disarm right after the first wait, and the bottom halves run after that one
 * only. A wait returns one signalled handle; its handler runs, and it is left out of the following waits of this pass.
 * Two handles: the context's notifier and a source that somebody else signals.
 *
 * Abstracted away: timers, nested polls, time-outs other than 0 and infinity, the portable notifier's inside.
 *
 * Planted faults:
 *   BUG_FORGET_EARLY     "blocking" is cleared before the first wait has been accounted for: notify_me never goes down
 *   BUG_DISARM_TWICE     every wait disarms: the counter wraps
 *   BUG_BLOCK_TWICE      the later waits block too: work that came meanwhile waits with them
 *   BUG_COMPUTE_FIRST    the time-out is computed before arming, and notified is not looked at
 */

byte notify_me;
bool notified, event_set, event;
bool work;              /* A bottom half is scheduled. */
bool source;            /* The other handle is signalled. */
bool finished;
bool asleep;

inline notify()
{
    notified = true;
    if
    :: notify_me != 0 -> event = true; event_set = true
    :: else
    fi
}

inline accept_notify(ready)
{
    notified = false;
    if
    :: atomic { event_set -> event_set = false } event = false
    :: else -> if :: ready -> event = false :: else fi
    fi
}

active proctype Home()
{
    bool forever, first, ready, notifier_left, source_left, got_source;

    do
    ::
#ifdef BUG_COMPUTE_FIRST
        forever = !work;
        notify_me = notify_me + 2;
#else
        notify_me = notify_me + 2;
        forever = !notified;
        forever = forever && !work;
#endif
        atomic { first = true; notifier_left = true; source_left = true };
        do
        ::
            /* The wait: one of the handles that are left. */
            if
            :: forever ->
                asleep = true;
                atomic {
                    (notifier_left && event) || (source_left && source) -> asleep = false
                }
            :: else
            fi;
            atomic {
                if
                :: notifier_left && event -> ready = true; notifier_left = false
                :: source_left && source -> got_source = true; source_left = false
                :: else
                fi
            };
#ifndef BUG_BLOCK_TWICE
            forever = false;
#endif
#if defined(BUG_DISARM_TWICE)
            notify_me = notify_me - 2;
#elif !defined(BUG_FORGET_EARLY)
            if
            :: first -> notify_me = notify_me - 2
            :: else
            fi;
#endif
            if
            :: first ->
                accept_notify(ready);
                first = false;
                if
                :: work -> work = false
                :: else
                fi
            :: else
            fi;
            if
            :: ready -> ready = false
            :: got_source -> atomic { got_source = false; source = false }
            :: else -> break
            fi;
            if
            :: !notifier_left && !source_left -> break
            :: else
            fi
        od;
        assert(notify_me == 0)          /* I3: nobody is counted who does not wait. */
    od
}

active proctype Notifier()
{
    do
    :: work = true; notify()
    :: break
    od;
    finished = true
}

active proctype Source()
{
    do
    :: !finished -> source = true
    :: finished -> break
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* I8, for bottom halves and for the other handle. */
ltl no_lost_wakeup { [] ((work -> <> !work) && (source -> <> !source)) }

/* I9. */
ltl no_busy_loop { <> finished -> <> [] (asleep && !event) }
