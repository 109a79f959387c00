using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Postcopy migration, on the side where the guest arrives ("Postcopy"). Control thread.</summary>
/// <param name="session">What all groups share.</param>
internal sealed class PostcopyMessages(SessionContext session) : MessageGroup(session)
{
    private UserFault? _userFault;

    /// <summary>Whether guest memory is announced before it is used (POSTCOPY_LISTEN).</summary>
    public bool IsListening { get; private set; }

    /// <summary>The memory that was announced and that the front end has not confirmed; null when none was.</summary>
    public MemoryTable? Unconfirmed { get; private set; }

    /// <summary>False from POSTCOPY_ADVISE to POSTCOPY_END, and while memory waits for being confirmed.</summary>
    public override bool CanCapture => _userFault is null && Unconfirmed is null;

    /// <inheritdoc/>
    public override int KeptDescriptors => (Unconfirmed?.Regions.Count ?? 0) + Count(_userFault);

    /// <inheritdoc/>
    public override void Register(HandlerTable table)
    {
        table.Add(this, RequestCode.POSTCOPY_ADVISE, Advise);
        table.Add(this, RequestCode.POSTCOPY_LISTEN, Listen);
        table.Add(this, RequestCode.POSTCOPY_END, End);
    }

    /// <summary>Answers a memory message with the addresses that faults will name, and waits until the front end is ready for them.</summary>
    /// <param name="table">The memory; owned from here on.</param>
    /// <param name="added">The region that was added, or null for all of them.</param>
    public void Announce(MemoryTable table, MemoryRegion? added)
    {
        Unconfirmed?.Dispose();
        Unconfirmed = table;
        IReadOnlyList<MemoryRegion> regions = added is null ? table.Regions : [added];
        Span<byte> reply = Reply.Append(MemoryRegionPayload.PrefixSize + (regions.Count * MemoryRegionPayload.Size));
        Wire.Write(reply, added is null ? (uint)regions.Count : 0U);
        for (int i = 0; i < regions.Count; i++)
        {
            MemoryRegionDescription d = regions[i].Description;
            Wire.Write(
                reply[(MemoryRegionPayload.PrefixSize + (i * MemoryRegionPayload.Size))..],
                new MemoryRegionPayload(d.GuestAddress, d.Size, (ulong)regions[i].HostBase, d.MmapOffset));
        }
    }

    /// <summary>Whether a memory message is the front end's answer to an announcement.</summary>
    public bool IsConfirmation(ReadOnlySpan<byte> payload) => Unconfirmed is not null && payload.Length == sizeof(ulong);

    /// <summary>The front end is ready: from here on touching a missing page asks it.</summary>
    /// <returns>The memory, to be used now.</returns>
    /// <exception cref="ProtocolException">It is not ready.</exception>
    public MemoryTable Confirm(ReadOnlySpan<byte> payload)
    {
        ulong result = Wire.Read<ulong>(payload);
        MemoryTable table = Unconfirmed!;
        Unconfirmed = null;
        try
        {
            if (result != 0)
            {
                throw new ProtocolException($"the front end could not take the postcopy addresses (result {result})");
            }

            foreach (MemoryRegion region in table.Regions.Except(State.Memory.Regions))
            {
                _userFault!.Register(region);
            }
        }
        catch
        {
            table.Dispose();
            throw;
        }

        return table;
    }

    /// <summary>Waits for no page any more. Before the rings are stopped, as a thread that waits for a page would wait for ever.</summary>
    public override void Close()
    {
        CloseUserFault();
        Unconfirmed?.Dispose();
        Unconfirmed = null;
    }

    private void Advise()
    {
        Session.Limits.CheckRoom(RequestCode.POSTCOPY_ADVISE);
        Session.Limits.CheckUnread(RequestCode.POSTCOPY_ADVISE);
        CloseUserFault();
        _userFault = UserFault.Open();
        Reply.Descriptor = _userFault.Descriptor.Duplicate();
        Reply.SetEmpty();
    }

    private void Listen()
    {
        if (_userFault is null || State.Memory.Regions.Count != 0)
        {
            throw new ProtocolException($"POSTCOPY_LISTEN came {(_userFault is null ? "without POSTCOPY_ADVISE before it" : "after guest memory was set")}");
        }

        IsListening = true;
    }

    private void End()
    {
        CloseUserFault();
        IsListening = false;
        Reply.Set(0UL);
    }

    private void CloseUserFault()
    {
        _userFault?.Unregister(State.Memory);
        _userFault?.Dispose();
        _userFault = null;
    }
}
