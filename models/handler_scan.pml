/*
 * A busy thread looks through the table of handlers while another thread sets one, for which the table must grow.
 *
 * The other thread holds the handlers' lock, which the scan does not take: it raises a flag when it is done, and the busy
 * thread looks again. Stores may become visible in any order (arm64) until an atomic operation, except that what an array
 * contains comes with the array.
 *
 * Abstracted away: removal, the slots of removed handlers, the poll callbacks.
 *
 * Planted faults:
 *   BUG_COUNT        the scan trusts a count beside the array (the code before): new count, old array
 *   BUG_FLAG_FIRST   the flag is raised before the table is changed
 *   BUG_CLEAR_LATE   the scan clears the flag when it is done
 */

#define OLD     1       /* Slots of the old array, all in use. */
#define NEW     2

byte array = OLD;       /* As memory has it: its length stands for it. */
byte count = OLD;
bool filled;            /* The new handler is in its slot. */
bool attention;

bool array_stored;      /* Stores on their way. */
bool count_stored;
bool filled_stored;

bool set;               /* SetFdHandler has returned. */
bool polled;

/* Lets the stores become visible, in any order. */
active proctype Memory()
{
    do
    :: atomic { array_stored -> array = NEW; array_stored = false }
    :: atomic { count_stored -> count = NEW; count_stored = false }
    :: atomic { filled_stored -> filled = true; filled_stored = false }
    od
}

inline raise_flag() { atomic { !array_stored && !count_stored && !filled_stored -> attention = true } }

active proctype Setter()
{
#ifdef BUG_FLAG_FIRST
    raise_flag();
#endif
    array_stored = true;
    count_stored = true;
    (!array_stored);                    /* The slot is written through the new array. */
    filled_stored = true;
#ifndef BUG_FLAG_FIRST
    raise_flag();
#endif
    set = true
}

active proctype Busy()
{
    byte i, limit, length;

    do
    ::  if
        :: attention ->
#ifndef BUG_CLEAR_LATE
            attention = false;
#endif
#ifdef BUG_COUNT
            limit = count;
            length = array;
#else
            length = array;
            limit = length;
#endif
            i = 0;
            do
            :: i < limit ->
                assert(i < length);
                if
                :: i == OLD && filled -> polled = true
                :: else
                fi;
                i++
            :: else -> break
            od;
            atomic { i = 0; limit = 0; length = 0 };
#ifdef BUG_CLEAR_LATE
            attention = false
#endif
        :: else
        fi
    od
}

/* Raised by other changes at any time, a few of them. */
active proctype Others()
{
    byte n;

    do
    :: n < 2 -> attention = true; n++
    :: break
    od
}

/* Always able to move: see README.md, pitfalls. */
bool tick;
active proctype Clock() { do :: tick = !tick od }

/* A handler that was set is polled sooner or later. */
ltl found { [] (set -> <> polled) }
