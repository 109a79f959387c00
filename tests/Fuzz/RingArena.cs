using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz;

/// <summary>
/// Memory in which every byte that a device may write is known. Attacking descriptors point into the playground, at tables, or where nothing is; both hold
/// only poison, numbers that are no address here, so that a table made of received data leads nowhere. All the rest, a guard region and what
/// surrounds the rings, must keep its content.
/// </summary>
internal sealed class RingArena : IDisposable
{
    public const byte PoisonFloor = 0xe0;
    public const int TableBytes = 16 * 64;
    private const byte Pattern = 0x5a;
    private const ulong RingsAt = 0x1000_0000, PlaygroundAt = 0x2000_0000, GuardAt = 0x2008_0000;

    private readonly List<(ulong Start, ulong Size)> _writable = [];

    /// <param name="size">Bytes of the rings' region, and of the playground.</param>
    public RingArena(int size = 256 << 10)
    {
        Memory = new GuestMemory();
        Rings = Memory.AddRegion(RingsAt, (ulong)size);
        Playground = Memory.AddRegion(PlaygroundAt, (ulong)size);
        Guard = Memory.AddRegion(GuardAt, 64 << 10);
        Playground.Bytes(0, (int)Playground.Size).Fill(0xee);
        Guard.Bytes(0, (int)Guard.Size).Fill(Pattern);
        ReceiveTables = Memory.Allocate(TableBytes, 4096, Rings);
        TransmitTables = Memory.Allocate(TableBytes, 4096, Rings);
    }

    public GuestMemory Memory { get; }

    public GuestRegion Rings { get; }

    public GuestRegion Playground { get; }

    public GuestRegion Guard { get; }

    public ulong ReceiveTables { get; }

    public ulong TransmitTables { get; }

    /// <summary>Notes what belongs to the rings and fills the rest of their region with the pattern.</summary>
    public void Seal(params ReadOnlySpan<DriverQueue> queues)
    {
        foreach (DriverQueue queue in queues)
        {
            _writable.Add((queue.DeviceAddress, queue.IsPacked ? 4UL : 6 + (8UL * (ulong)queue.Size)));

            // The driver's own areas and the tables change, because this side scribbles there.
            _writable.Add((queue.DriverAddress, queue.IsPacked ? 4UL : 6 + (2UL * (ulong)queue.Size)));
            _writable.Add((queue.DescriptorAddress, 16UL * (ulong)queue.Size));
        }

        _writable.Add((ReceiveTables, TableBytes));
        _writable.Add((TransmitTables, TableBytes));
        _writable.Sort();
        foreach ((ulong start, int length) in Gaps())
        {
            Memory.Bytes(start, length).Fill(Pattern);
        }
    }

    /// <summary>Forgets what the tables held.</summary>
    public void ClearTables()
    {
        Memory.Bytes(ReceiveTables, TableBytes).Clear();
        Memory.Bytes(TransmitTables, TableBytes).Clear();
    }

    /// <exception cref="FuzzException">Something was written that no descriptor allows.</exception>
    public void Check()
    {
        if (Guard.Bytes(0, (int)Guard.Size).ContainsAnyExcept(Pattern))
        {
            throw new FuzzException("the guard region was written, which no descriptor names");
        }

        foreach ((ulong start, int length) in Gaps())
        {
            if (Memory.Bytes(start, length).IndexOfAnyExcept(Pattern) is >= 0 and int at)
            {
                throw new FuzzException($"guest address 0x{start + (ulong)at:x} was written, between the rings, which no descriptor names");
            }
        }

        if (Playground.Bytes(0, (int)Playground.Size).ContainsAnyInRange((byte)0, (byte)(PoisonFloor - 1)))
        {
            throw new FuzzException("the playground holds bytes that were never sent");
        }
    }

    public void Dispose() => Memory.Dispose();

    private IEnumerable<(ulong Start, int Length)> Gaps()
    {
        ulong at = Rings.GuestAddress;
        foreach ((ulong start, ulong size) in _writable)
        {
            if (start > at)
            {
                yield return (at, (int)(start - at));
            }

            at = start + size;
        }

        yield return (at, (int)(Rings.GuestAddress + Rings.Size - at));
    }
}
