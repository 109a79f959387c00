/*
 * The batch of timers that a pass has taken out of its list, against other threads that move, anticipate and delete one of
 * them, and against callbacks that arm again.
 *
 * One timer, which is never the first of its pass: it lies in the batch while callbacks of others run. The home thread
 * takes it out of the batch without a lock and without a barrier, so that its store "not in the batch any more" may still
 * be in its store buffer when the callback reads what it came for. Whoever arms holds the list's lock, which is a barrier.
 *
 * Abstracted away: the order of deadlines (a time is PAST or LATER, and LATER need never come), other timers, the wake-up
 * of the loop (notify.pml), the done event (timers_done.pml), nested runs (each is a pass of its own).
 *
 * Planted faults:
 *   BUG_TRUST_BATCH       anticipating leaves a timer alone that is seen in the batch (the code before): the arming is lost
 *   BUG_ANTICIPATE_MOVES  anticipating one in the batch takes its place there away: it is delayed until LATER
 *   BUG_SAME_PASS         what is armed for the past in a pass fires in that pass (the code before): it has no end
 *   BUG_KEEP_PLACE        moving or deleting leaves the place in the batch as it is
 *   BUG_PUT_BACK_LATE     what is put back after an exception stays armed for LATER if it was armed besides
 */

#define PAST  0
#define LATER 1

bool locked;
bool listed;
bit deadline;
bool fresh;             /* Armed since the present pass began: its sequence number is beyond the pass's end. */
bool in_batch;          /* As memory has it. */
bool leaving;           /* The home thread's store of "not in the batch" is in its store buffer. */
bool voided;
bool in_pass;

bool work;              /* What the callback comes for. */
bool seen;              /* A callback read it. */
bool published;         /* ModifyAnticipate(PAST) has returned. */
bool waived;            /* Moved or deleted since. */
bool owed;              /* Armed for the past, and no callback has started since. */
bool deleted;           /* And not armed since. */

active proctype StoreBuffer()
{
    do
    :: atomic { leaving -> in_batch = false; leaving = false }
    od
}

inline lock_home() { atomic { !locked && !leaving -> locked = true } }    /* An atomic operation empties the store buffer. */
inline lock_other() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

/* Modify, under the lock. */
inline move_to(time)
{
    atomic {
        listed = true;
        deadline = time;
        fresh = true;
#ifndef BUG_KEEP_PLACE
        voided = true;
#endif
        deleted = false;
        owed = (time == PAST);
        waived = published
    }
}

#ifdef BUG_SAME_PASS
#define OF_THIS_PASS    true
#else
#define OF_THIS_PASS    !fresh
#endif

inline callback()
{
    if
    :: work -> seen = true
    :: else
    fi;
    if
    :: lock_home();                     /* It arms itself for the past: periodic, and behind its time. */
       atomic { listed = true; deadline = PAST; fresh = true; voided = true; deleted = false; owed = true };
       unlock()
    :: true
    fi
}

/* LeaveBatch of the list: a callback before it threw. Under the lock. */
inline put_back()
{
    lock_home();
    in_batch = false;
    if
    :: !voided ->
#ifdef BUG_PUT_BACK_LATE
        if
        :: listed
        :: else -> listed = true; deadline = PAST
        fi
#else
        listed = true; deadline = PAST
#endif
    :: else
    fi;
    unlock()
}

active proctype Home()
{
    bool fire;
    byte throws;

    do
    ::  atomic { in_pass = true; fresh = false };
        do
        ::  lock_home();
            if
            :: listed && deadline == PAST && OF_THIS_PASS ->
                listed = false;
                voided = false;
                in_batch = true;
                unlock();
                if
                ::  leaving = true;
                    atomic { fire = !voided; assert(!(fire && deleted)); owed = (fire -> false : owed) };
                    if
                    :: fire -> callback(); fire = false
                    :: else
                    fi
                ::  throws < 2 -> throws++; put_back(); break
                fi
            :: else -> unlock(); break
            fi
        od;
        in_pass = false
    od
}

/* Publishes work and anticipates the timer, once. */
active proctype Anticipator()
{
    bit time;

    if
    :: time = PAST
    :: time = LATER
    fi;
    work = true;
    lock_other();
    if
    :: listed && deadline <= time
#ifdef BUG_TRUST_BATCH
    :: in_batch && !voided
#endif
    :: else ->
        atomic {
            listed = true;
            deadline = time;
            fresh = true;
#ifdef BUG_ANTICIPATE_MOVES
            voided = true;
#endif
            deleted = false;
            owed = (owed || time == PAST)
        }
    fi;
    atomic { published = (time == PAST); waived = false };
    unlock()
}

/* Arms the timer, moves it, deletes it; a few times, since weak fairness does not make the lock fair. */
active proctype Owner()
{
    byte n;

    lock_other(); move_to(PAST); unlock();
    do
    :: n < 2 -> lock_other(); move_to(PAST); unlock(); n++
    :: n < 2 -> lock_other(); move_to(LATER); unlock(); n++
    :: break
    od;
    if
    ::  lock_other();
        atomic {
            listed = false;
#ifndef BUG_KEEP_PLACE
            voided = true;
#endif
            deleted = true;
            owed = false;
            waived = published
        };
        unlock()
    :: true
    fi
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* After an anticipation for the past has returned, a callback sees what was published before it. */
ltl anticipation_kept { [] (published -> <> (seen || waived)) }

/* What is armed for the past fires, without LATER ever coming. */
ltl never_delayed { [] (owed -> <> !owed) }

/* A pass ends. */
ltl pass_ends { [] (in_pass -> <> !in_pass) }
