using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>Guest memory: the whole map at once, or region by region.</content>
public sealed partial class VhostUserSession
{
    private bool _sharingChecked;

    /// <summary>Looks at front ends' mappings for all sessions. When it is held up the others' are not looked at, which costs them a hint in the log.</summary>
    internal static BackgroundThread Probe { get; } = new("sharing-probe", 16);

    private void SetMemoryTable(ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (_unconfirmedMemory is not null && payload.Length == sizeof(ulong))
        {
            ConfirmPostcopyMemory(Wire.Read<ulong>(payload));
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

            ReplaceMemory(regions);
        }
        finally
        {
            regions.ForEach(r => r.Release());
        }
    }

    private void AddMemoryRegion(ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        if (_unconfirmedMemory is not null && payload.Length == sizeof(ulong))
        {
            ConfirmPostcopyMemory(Wire.Read<ulong>(payload));
            return;
        }

        if (payload.Length != MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size || descriptors.Count != 1)
        {
            throw ProtocolException.Fatal(
                $"ADD_MEM_REG has {payload.Length} bytes and {descriptors.Count} descriptors; " +
                $"{MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size} bytes and 1 descriptor are right");
        }

        MemoryRegion region = MapRegion(payload[MemoryRegionPayload.PrefixSize..], descriptors.Take(0), MappedBytes(_state.Memory.Regions));
        try
        {
            // QEMU 7 keeps a list of regions for every queue pair and adds each of them once for each pair.
            if (!_isListening && _state.Memory.Regions.Any(region.IsSameAs))
            {
                Log.Debug($"the region at guest address 0x{region.Description.GuestAddress:x} was added before");
                return;
            }

            CheckRegions(1, descriptors);
            ReplaceMemory([.. (_unconfirmedMemory ?? _state.Memory).Regions, region], region);
        }
        finally
        {
            region.Release();
        }
    }

    private void RemoveMemoryRegion(ReadOnlySpan<byte> payload)
    {
        var wanted = Wire.Read<MemoryRegionPayload>(payload[MemoryRegionPayload.PrefixSize..]);
        MemoryRegion? region = _state.Memory.Regions.FirstOrDefault(r => r.Description.GuestAddress == wanted.GuestAddress
            && r.Description.UserAddress == wanted.UserAddress && r.Description.Size == wanted.RegionSize);
        if (region is null)
        {
            // The same front end removes it once for each queue pair, too; what it wants is already so.
            Log.Debug(
                $"the region at guest address 0x{wanted.GuestAddress:x}, user address 0x{wanted.UserAddress:x}, {wanted.RegionSize} bytes, is not there to be removed");
            return;
        }

        ReplaceMemory([.. _state.Memory.Regions.Where(r => r != region)]);
    }

    private MemoryRegion MapRegion(ReadOnlySpan<byte> payload, FileDescriptor file, ulong mapped)
    {
        Turn.TakeCalls(MappingCalls, 0);
        var wire = Wire.Read<MemoryRegionPayload>(payload);
        var description = new MemoryRegionDescription(wire.GuestAddress, wire.RegionSize, wire.UserAddress, wire.MmapOffset);
        if ((UInt128)mapped + wire.RegionSize + wire.MmapOffset > _options.MappedBytesMax)
        {
            file.Dispose();
            throw new GuestMemoryException(
                $"memory region at guest address 0x{wire.GuestAddress:x} with size 0x{wire.RegionSize:x} at offset 0x{wire.MmapOffset:x} would take " +
                $"guest memory over the limit of {_options.MappedBytesMax >> 30} GiB of mappings for a session");
        }

        return MemoryRegion.Map(description, file, _options.SealPolicy, Log.Warning, _closer);
    }

    private static ulong MappedBytes(IEnumerable<MemoryRegion> regions) =>
        regions.Aggregate(0UL, (sum, r) => sum + r.Description.Size + r.Description.MmapOffset);

    /// <summary>
    /// Puts a new table in place, unless a running ring would lie outside it. The rings move to it in <see cref="RingReconciler.Reconcile"/>.
    /// </summary>
    private void ReplaceMemory(List<MemoryRegion> regions, MemoryRegion? added = null)
    {
        Turn.Take(((long)regions.Count * RegionCost) + ((long)_state.Rings.Length * RingCost));
        var table = new MemoryTable(regions);
        foreach (RingState ring in _state.Rings)
        {
            if (ring.Queue is not null && !_state.HasIommu && RingLayoutBuilder.Build(_state, ring, table, ring.Address, out LayoutProblem problem) is null)
            {
                table.Dispose();
                throw new ProtocolException($"the new guest memory leaves out a running ring: {problem.Text}");
            }
        }

        if (_isListening)
        {
            AnnouncePostcopyMemory(table, added);
        }
        else
        {
            InstallMemory(table);
        }
    }

    private void InstallMemory(MemoryTable table)
    {
        _rings.Retire(_state.Memory);
        _state.Memory = table;
        Log.Info($"guest memory: {table.Regions.Count} regions, {table.Regions.Aggregate(0UL, (sum, r) => sum + r.Description.Size) >> 20} MiB");
    }

    // QEMU hands over a private memory-backend-memfd as if it were a shared one.
    private void WarnOfPrivateMemory()
    {
        if (!_sharingChecked && _options.LooksForPrivateMemory)
        {
            _sharingChecked = true;
            Turn.TakeCalls(_state.Memory.Regions.Count, 0);
            FileIdentity[] files = [.. _state.Memory.Regions.Select(r => FileIdentity.Of(r.File)).OfType<FileIdentity>()];
            Probe.TryPost(() => LookForPrivateMemory(files));
        }
    }

    /// <summary>On the probe's thread.</summary>
    private void LookForPrivateMemory(FileIdentity[] files)
    {
        if (SharingProbe.IsAnyPrivate(files, PeerProcess, out _))
        {
            _context.ScheduleOneShot(
                () => WarnOfSharing("the front end maps the guest memory that it handed over privately, so nothing that the guest writes arrives here"), "sharing");
        }
    }

    // QEMU hands over no region at all when the guest's memory has no file behind it.
    private void WarnOfMissingMemory()
    {
        if (!_sharingChecked && _state.Memory.Regions.Count == 0)
        {
            _sharingChecked = true;
            WarnOfSharing("no guest memory was handed over");
        }
    }

    private void WarnOfSharing(string what) =>
        Log.Warning($"{what}: share=on is missing; with QEMU write -object memory-backend-memfd,id=mem,size=SIZE,share=on -numa node,memdev=mem");
}
