using VhostNet.VhostUser.Frontend;
using static VhostNet.VhostUser.Frontend.RingFlags;

namespace VhostNet.Fuzz;

/// <summary>Writes nearly right things into one ring. A slot is always either a table's or a buffer's, so that no mixture of two writes makes an allowed address of a table.</summary>
internal sealed class RingScribbler(Random random, DriverQueue queue, RingArena arena, bool receive)
{
    private readonly ulong _tables = receive ? arena.ReceiveTables : arena.TransmitTables;

    public DriverQueue Queue => queue;

    private RawRing Raw => queue.Raw;

    public void Scribble()
    {
        for (int i = random.Next(1, 2 * queue.Size); i > 0; i--)
        {
            int slot = random.Next(queue.Size);
            Raw[slot] = RingDescriptor(slot);
        }

        for (int i = random.Next(8); i > 0; i--)
        {
            Raw.SetIndirect(arena.Memory, _tables, random.Next(RingArena.TableBytes / 16), Buffer(random.OneIn(30) ? VRING_DESC_F_INDIRECT : 0, 64));
        }

        if (queue.IsPacked)
        {
            if (random.OneIn(4))
            {
                Raw.DriverEvent = (uint)random.Any();
            }

            return;
        }

        ScribbleAvail();
    }

    private void ScribbleAvail()
    {
        for (int i = random.Next(queue.Size + 1); i > 0; i--)
        {
            Raw.SetAvail(random.Next(queue.Size), random.OneIn(40) ? (ushort)random.Any() : (ushort)random.Next(queue.Size));
        }

        ushort used = Raw.UsedIndex;
        Raw.AvailIndex = random.OneIn(60) ? (ushort)random.Any() : (ushort)(used + random.Next(queue.Size + 1));
        if (random.OneIn(4))
        {
            Raw.AvailFlags = (ushort)random.Any();
            Raw.UsedEvent = (ushort)random.Any();
        }

        if (random.OneIn(50))
        {
            Raw.UsedIndex = (ushort)random.Any();
            Raw.UsedFlags = (ushort)random.Any();
        }
    }

    private RawDescriptor RingDescriptor(int slot)
    {
        int state = queue.IsPacked ? random.Next(4) switch { 0 => 0, 1 => VRING_PACKED_DESC_F_AVAIL, 2 => VRING_PACKED_DESC_F_USED, _ => VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED } : 0;
        if ((slot & 3) != 3)
        {
            return Buffer(state, queue.Size);
        }

        uint length = random.Next(8) switch { 0 => (uint)random.Any(), 1 => (uint)random.Next(100), _ => 16u * (uint)random.Next(1, 65) };
        ulong address = random.Next(10) switch { 0 => Nowhere(), 1 => arena.Playground.GuestAddress + (ulong)random.Next(4096), _ => _tables + (16UL * (ulong)random.Next(8)) };
        int flags = state | VRING_DESC_F_INDIRECT | (random.OneIn(20) ? VRING_DESC_F_NEXT : 0) | (random.OneIn(5) ? VRING_DESC_F_WRITE : 0);
        return new RawDescriptor(address, length, (ushort)flags, Link(queue.Size));
    }

    private RawDescriptor Buffer(int flags, int range)
    {
        flags |= receive != random.OneIn(25) ? VRING_DESC_F_WRITE : 0;
        flags |= random.OneIn(3) ? VRING_DESC_F_NEXT : 0;
        uint length = random.Next(30) switch { 0 => 0, 1 => (uint)random.Any(), 2 => 70_000, _ => (uint)random.Next(1, 3000) };
        GuestRegion playground = arena.Playground;
        ulong address = random.Next(12) switch
        {
            0 => Nowhere(),
            1 => playground.GuestAddress + playground.Size - (ulong)random.Next(200),
            _ => playground.GuestAddress + (ulong)random.Next((int)playground.Size),
        };
        return new RawDescriptor(address, length, (ushort)flags, Link(range));
    }

    private ushort Link(int range) => random.OneIn(30) ? (ushort)random.Any() : (ushort)random.Next(range);

    /// <summary>An address outside of every region; just behind or in front of one, or anywhere.</summary>
    private ulong Nowhere()
    {
        ulong address = random.Next(5) switch
        {
            0 => arena.Playground.GuestAddress + arena.Playground.Size + (ulong)random.Next(4096),
            1 => arena.Guard.GuestAddress - (ulong)random.Next(1, 4096),
            2 => arena.Guard.GuestAddress + arena.Guard.Size + (ulong)random.Next(4096),
            3 => arena.Rings.GuestAddress - (ulong)random.Next(1, 4096),
            _ => random.Any(),
        };
        return arena.Memory.Regions.Any(r => address >= r.GuestAddress && address - r.GuestAddress < r.Size) ? ulong.MaxValue : address;
    }
}
