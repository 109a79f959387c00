/*
 * Replacing guest memory under traffic: the old mapping goes only when every ring has moved to the new one.
 *
 * The control thread puts a new memory table into the session's state, then takes each ring's lock in turn and gives the
 * ring a layout with pointers into the new table, and then unmaps the old one. A data thread translates and copies under
 * the locks of the rings it works on, a burst at a time: the transmit ring's first, then the receive ring's.
 *
 * Abstracted away: several guests (both rings here are of the guest whose memory changes), the check that the running
 * rings lie in the new table, the dirty log and the inflight area (retired in the same way), stopping a ring.
 *
 * Planted faults:
 *   BUG_UNMAP_FIRST      the old table is unmapped before the rings were moved
 *   BUG_ONE_RING         a ring is left out
 *   BUG_NO_LOCK          the layout is changed without the ring's lock
 *   BUG_KEEP_POINTER     a data thread keeps a host pointer from one burst to the next
 *   BUG_LOCK_ORDER       the receive side takes the two locks the other way round: a deadlock
 */

#define TX 0
#define RX 1
#define RINGS 2
#define TABLES 3                /* The first one and two replacements. */

bool locked[RINGS];
byte layout[RINGS];             /* Which table the ring's pointers lead into. */
bool unmapped[TABLES];

inline lock(ring)   { atomic { !locked[ring] -> locked[ring] = true } }
inline unlock(ring) { locked[ring] = false }

/* Translated once, used over several steps. */
inline use(first, second)
{
    assert(!unmapped[first] && !unmapped[second]);
    assert(!unmapped[first] && !unmapped[second])
}

/* A TX queue's bottom half that delivers into the RX ring. */
active proctype Transmit()
{
    byte from, to;

#ifdef BUG_KEEP_POINTER
    lock(TX);
    from = layout[TX];
    unlock(TX);
#endif
end:
    do
    ::  lock(TX);
#ifndef BUG_KEEP_POINTER
        from = layout[TX];
#endif
        lock(RX);
        to = layout[RX];
        use(from, to);
        unlock(RX);
        unlock(TX)
    od
}

/* A port of another kind that delivers into the RX ring (and, with the fault, looks at the TX ring meanwhile). */
active proctype Receive()
{
    byte to;

end:
    do
    ::  lock(RX);
        to = layout[RX];
#ifdef BUG_LOCK_ORDER
        lock(TX);
        unlock(TX);
#endif
        use(to, to);
        unlock(RX)
    od
}

inline move(ring, table)
{
#ifdef BUG_NO_LOCK
    layout[ring] = table
#else
    lock(ring);
    layout[ring] = table;
    unlock(ring)
#endif
}

active proctype Control()
{
    byte table;

    do
    :: table < TABLES - 1 ->
        table++;
#ifdef BUG_UNMAP_FIRST
        unmapped[table - 1] = true;
#endif
        move(TX, table);
#ifndef BUG_ONE_RING
        move(RX, table);
#endif
        unmapped[table - 1] = true
    :: break
    od
}
