/*
 * Accept and the two stores of Notify, alone, with two notifiers: which order of flag and eventfd keeps them in step.
 *
 * The waiter counts as armed all the time, so every Notify must write, and it looks at the work only after the eventfd
 * woke it: nothing but the eventfd can save a wake-up here. (notify.pml adds arming and the look at notified.)
 *
 * (default)          the split flag: Notify writes the eventfd and then sets event_set; accept exchanges event_set
 *                    with 0 and reads the eventfd only if it was set. A second flag, notified, is of no interest here.
 * -DNO_FLAG          accept always reads the eventfd; right, and a system call in every Poll
 *
 * Planted faults:
 *   BUG_FLAG_FIRST   event_set is set before the eventfd is written (H3): a busy loop, no hang
 *   BUG_SKIP_IF_SET  the write is left out when event_set is already set (H4): a hang
 *   BUG_TWO_STEPS    accept reads event_set and clears it with a later plain store instead of one exchange, and
 *                    after it read the eventfd: the flag of a Notify in between is lost, a busy loop
 *   BUG_WORK_FIRST   the work is taken before the eventfd is accepted (I5 broken): a hang
 */

#define NOTIFIERS 2

bool event;             /* The eventfd is readable. */
bool event_set;
bool work;
byte writing;           /* Notifiers between their two stores. */
bool reading;           /* Accept has taken the flag and has not read the eventfd yet. */
byte finished;          /* Notifiers that have ended. */
bool asleep;

inline notify()
{
    writing++;
#if defined(BUG_FLAG_FIRST)
    event_set = true;
    atomic { event = true; writing-- }
#elif defined(BUG_SKIP_IF_SET)
    if
    :: !event_set -> event = true; atomic { event_set = true; writing-- }
    :: else -> writing--
    fi
#else
    event = true;
    atomic { event_set = true; writing-- }
#endif
}

inline accept_notify()
{
#if defined(NO_FLAG)
    event = false
#elif defined(BUG_TWO_STEPS)
    if
    :: atomic { event_set -> reading = true } event = false; atomic { event_set = false; reading = false }
    :: else
    fi
#else
    if
    :: atomic { event_set -> event_set = false; reading = true } atomic { event = false; reading = false }
    :: else
    fi
#endif
}

active [NOTIFIERS] proctype Notifier()
{
    do
    :: work = true; notify()
    :: break
    od;
    finished++
}

active proctype Waiter()
{
    do
    ::  asleep = true;
        atomic { event -> asleep = false }
#ifdef BUG_WORK_FIRST
        work = false;
        accept_notify()
#else
        accept_notify();
        work = false
#endif
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* I8. */
ltl no_lost_wakeup { [] (work -> <> !work) }

/* I9. */
ltl no_busy_loop { <> (finished == NOTIFIERS) -> <> [] (asleep && !event) }

#ifndef NO_FLAG
/* I6: a readable eventfd has its flag set, or its flag is on its way, or its reader is. */
ltl flag_follows_event { [] (event -> (event_set || writing > 0 || reading)) }
#endif
