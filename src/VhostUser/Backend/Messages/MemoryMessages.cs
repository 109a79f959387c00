using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Guest memory: the whole map at once, or region by region. Control thread.</summary>
/// <param name="session">What all groups share.</param>
/// <param name="rings">The rings, which lie in it.</param>
/// <param name="postcopy">Takes new memory over while the guest arrives by postcopy.</param>
internal sealed class MemoryMessages(SessionContext session, SessionRings rings, PostcopyMessages postcopy) : MessageGroup(session)
{
    /// <inheritdoc/>
    public override int KeptDescriptors => State.Memory.Regions.Count;

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add(this, RequestCode.SET_MEM_TABLE, SetTable);
        table.Add(this, RequestCode.GET_MAX_MEM_SLOTS, () => Reply.Set((ulong)Session.Options.Quotas.Regions));
        table.Add(this, RequestCode.ADD_MEM_REG, AddRegion);
        table.Add(this, RequestCode.REM_MEM_REG, (payload, _) => RemoveRegion(payload));
    }

    /// <inheritdoc/>
    public override int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload) => code == RequestCode.SET_MEM_TABLE ? State.Memory.Regions.Count : 0;

    /// <inheritdoc/>
    public override SessionData Capture(SessionData data, SnapshotWriter writer) => data with { Regions = writer.Regions(State.Memory) };

    /// <inheritdoc/>
    public override void Restore(SessionSnapshot snapshot)
    {
        var regions = new List<MemoryRegion>();
        try
        {
            foreach (RegionData region in snapshot.Data.Regions)
            {
                regions.Add(snapshot.FindMapped(region) ?? MemoryRegion.Map(
                    region.Description, Session.Closer.Own(snapshot.Duplicate(region.Descriptor)), SealPolicy.Off, null, Session.Closer));
            }

            State.Memory = new MemoryTable(regions);
        }
        finally
        {
            regions.ForEach(r => r.Release());
        }
    }

    private void SetTable(ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (postcopy.IsConfirmation(payload))
        {
            Install(postcopy.Confirm(payload));
            return;
        }

        uint count = Wire.Read<uint>(payload);
        if (count > MemoryRegionPayload.TableMax || payload.Length != MemoryRegionPayload.PrefixSize + (count * MemoryRegionPayload.Size))
        {
            throw ProtocolException.Fatal(
                $"SET_MEM_TABLE announces {count} regions in {payload.Length} bytes; 0 to {MemoryRegionPayload.TableMax} regions of " +
                $"{MemoryRegionPayload.Size} bytes after 8 bytes are right");
        }

        if (descriptors.Count != count)
        {
            throw ProtocolException.Fatal($"SET_MEM_TABLE describes {count} regions and came with {descriptors.Count} descriptors; each region has one");
        }

        var regions = new List<MemoryRegion>((int)count);
        try
        {
            for (int i = 0; i < count; i++)
            {
                regions.Add(MapRegion(payload[(MemoryRegionPayload.PrefixSize + (i * MemoryRegionPayload.Size))..], descriptors.Take(i), MappedBytes(regions)));
            }

            Replace(regions);
        }
        finally
        {
            regions.ForEach(r => r.Release());
        }
    }

    private void AddRegion(ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (postcopy.IsConfirmation(payload))
        {
            Install(postcopy.Confirm(payload));
            return;
        }

        if (payload.Length != MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size || descriptors.Count != 1)
        {
            throw ProtocolException.Fatal(
                $"ADD_MEM_REG has {payload.Length} bytes and {descriptors.Count} descriptors; " +
                $"{MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size} bytes and 1 descriptor are right");
        }

        MemoryRegion region = MapRegion(payload[MemoryRegionPayload.PrefixSize..], descriptors.Take(0), MappedBytes(State.Memory.Regions));
        try
        {
            // QEMU 7 keeps a list of regions for every queue pair and adds each of them once for each pair.
            if (!postcopy.IsListening && State.Memory.Regions.Any(region.IsSameAs))
            {
                Log.Debug($"the region at guest address 0x{region.Description.GuestAddress:x} was added before");
                return;
            }

            Session.Limits.CheckRegions(1, descriptors);
            Replace([.. (postcopy.Unconfirmed ?? State.Memory).Regions, region], region);
        }
        finally
        {
            region.Release();
        }
    }

    private void RemoveRegion(ReadOnlySpan<byte> payload)
    {
        var wanted = Wire.Read<MemoryRegionPayload>(payload[MemoryRegionPayload.PrefixSize..]);
        MemoryRegion? region = State.Memory.Regions.FirstOrDefault(r => r.Description.GuestAddress == wanted.GuestAddress
            && r.Description.UserAddress == wanted.UserAddress && r.Description.Size == wanted.RegionSize);
        if (region is null)
        {
            // The same front end removes it once for each queue pair, too; what it wants is already so.
            Log.Debug(
                $"the region at guest address 0x{wanted.GuestAddress:x}, user address 0x{wanted.UserAddress:x}, {wanted.RegionSize} bytes, " +
                "is not there to be removed");
            return;
        }

        Replace([.. State.Memory.Regions.Where(r => r != region)]);
    }

    private MemoryRegion MapRegion(ReadOnlySpan<byte> payload, FileDescriptor file, ulong mapped)
    {
        Turn.TakeCalls(MessageCosts.MappingCalls, 0);
        var wire = Wire.Read<MemoryRegionPayload>(payload);
        var description = new MemoryRegionDescription(wire.GuestAddress, wire.RegionSize, wire.UserAddress, wire.MmapOffset);
        if ((UInt128)mapped + wire.RegionSize + wire.MmapOffset > Session.Options.MappedBytesMax)
        {
            file.Dispose();
            throw new GuestMemoryException(
                $"memory region at guest address 0x{wire.GuestAddress:x} with size 0x{wire.RegionSize:x} at offset 0x{wire.MmapOffset:x} would take " +
                $"guest memory over the limit of {Session.Options.MappedBytesMax >> 30} GiB of mappings for a session");
        }

        return MemoryRegion.Map(description, file, Session.Options.SealPolicy, Log.Warning, Session.Closer);
    }

    private static ulong MappedBytes(IEnumerable<MemoryRegion> regions) =>
        regions.Aggregate(0UL, (sum, r) => sum + r.Description.Size + r.Description.MmapOffset);

    /// <summary>Puts a new table in place, unless a running ring would lie outside it. The rings move to it afterwards.</summary>
    private void Replace(List<MemoryRegion> regions, MemoryRegion? added = null)
    {
        Turn.Take(((long)regions.Count * MessageCosts.Region) + ((long)State.Rings.Length * MessageCosts.Ring));
        var table = new MemoryTable(regions);
        foreach (RingState ring in State.Rings)
        {
            if (ring.Queue is not null && !State.HasIommu && rings.Layouts.Find(ring, table, ring.Address, out LayoutProblem problem) is null)
            {
                table.Dispose();
                throw new ProtocolException($"the new guest memory leaves out a running ring: {problem.Text}");
            }
        }

        if (postcopy.IsListening)
        {
            postcopy.Announce(table, added);
        }
        else
        {
            Install(table);
        }
    }

    private void Install(MemoryTable table)
    {
        rings.Retire(State.Memory);
        State.Memory = table;
        Log.Info($"guest memory: {table.Regions.Count} regions, {table.Regions.Aggregate(0UL, (sum, r) => sum + r.Description.Size) >> 20} MiB");
    }
}
