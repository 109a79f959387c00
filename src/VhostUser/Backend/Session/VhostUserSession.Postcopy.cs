using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>Postcopy migration, on the side where the guest arrives ("Postcopy").</content>
public sealed partial class VhostUserSession
{
    private UserFault? _userFault;
    private bool _isListening;
    private MemoryTable? _unconfirmedMemory;

    private void AdvisePostcopy()
    {
        CheckRoom(RequestCode.POSTCOPY_ADVISE);
        CheckUnread(RequestCode.POSTCOPY_ADVISE);
        CloseUserFault();
        _userFault = UserFault.Open();
        _reply.Descriptor = _userFault.Descriptor.Duplicate();
        _reply.SetEmpty();
    }

    private void ListenPostcopy()
    {
        if (_userFault is null || _state.Memory.Regions.Count != 0)
        {
            throw new ProtocolException($"POSTCOPY_LISTEN came {(_userFault is null ? "without POSTCOPY_ADVISE before it" : "after guest memory was set")}");
        }

        _isListening = true;
    }

    private void EndPostcopy()
    {
        CloseUserFault();
        _isListening = false;
        _reply.Set(0UL);
    }

    /// <summary>Answers a memory message with the addresses that faults will name, and waits until the front end is ready for them.</summary>
    private void AnnouncePostcopyMemory(MemoryTable table, MemoryRegion? added)
    {
        _unconfirmedMemory?.Dispose();
        _unconfirmedMemory = table;
        IReadOnlyList<MemoryRegion> regions = added is null ? table.Regions : [added];
        Span<byte> reply = _reply.Append(MemoryRegionPayload.PrefixSize + (regions.Count * MemoryRegionPayload.Size));
        Wire.Write(reply, added is null ? (uint)regions.Count : 0U);
        for (int i = 0; i < regions.Count; i++)
        {
            MemoryRegionDescription d = regions[i].Description;
            Wire.Write(
                reply[(MemoryRegionPayload.PrefixSize + (i * MemoryRegionPayload.Size))..],
                new MemoryRegionPayload(d.GuestAddress, d.Size, (ulong)regions[i].HostBase, d.MmapOffset));
        }
    }

    /// <summary>The front end is ready: from here on touching a missing page asks it.</summary>
    private void ConfirmPostcopyMemory(ulong result)
    {
        MemoryTable table = _unconfirmedMemory!;
        _unconfirmedMemory = null;
        try
        {
            if (result != 0)
            {
                throw new ProtocolException($"the front end could not take the postcopy addresses (result {result})");
            }

            foreach (MemoryRegion region in table.Regions.Except(_state.Memory.Regions))
            {
                _userFault!.Register(region);
            }
        }
        catch
        {
            table.Dispose();
            throw;
        }

        InstallMemory(table);
    }

    private void DisposePostcopy()
    {
        CloseUserFault();
        _unconfirmedMemory?.Dispose();
        _unconfirmedMemory = null;
    }

    private void CloseUserFault()
    {
        _userFault?.Unregister(_state.Memory);
        _userFault?.Dispose();
        _userFault = null;
    }
}
