using VhostNet.VhostUser.Backend.Quotas;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>Refuses what a front end would make this process keep beyond its quotas, and counts what is kept. Control thread.</summary>
/// <param name="session">The session.</param>
internal sealed class SessionLimits(SessionContext session)
{
    /// <summary>Descriptors sent to a front end that does not read its answers.</summary>
    private const int UnreadDescriptorsMax = 8;

    private int _sentDescriptors;

    private SessionQuotas Quotas => session.Options.Quotas;

    private QuotaCounters Counters => session.Counters;

    /// <summary>
    /// Refuses descriptors that would take the session over its quota, or the process into its reserve. What replaces something is always taken.
    /// </summary>
    public void CheckKept(MessageHandler handler, RequestCode code, ReadOnlySpan<byte> payload, FdCollection descriptors)
    {
        // Regions are looked at where it is known whether they are new; REM_MEM_REG's is closed.
        if (!descriptors.IsEmpty && code is not (RequestCode.ADD_MEM_REG or RequestCode.REM_MEM_REG))
        {
            CheckKept(code, descriptors.Count - handler.Group.CountReplaced(code, payload), descriptors.HighestNumber);
        }
    }

    /// <summary>Refuses regions over the quota that GET_MAX_MEM_SLOTS tells, and their descriptors as above.</summary>
    public void CheckRegions(int added, FdCollection descriptors)
    {
        if (session.State.Memory.Regions.Count + added > Quotas.Regions)
        {
            Counters.RegionsRefused++;
            throw new ProtocolException(
                $"a memory region more than the {Quotas.Regions} that GET_MAX_MEM_SLOTS tells was added (quotas.regions)");
        }

        CheckKept(RequestCode.ADD_MEM_REG, added, descriptors.HighestNumber);
    }

    /// <summary>Refuses to open a descriptor for the front end while the process has only its reserve left.</summary>
    public void CheckRoom(RequestCode code)
    {
        if (!DescriptorReserve.HasRoom())
        {
            Counters.ReserveRefused++;
            throw new ProtocolException(ReserveText(code));
        }
    }

    /// <summary>
    /// Refuses to send one more descriptor to a front end that has not read the last ones: what is on its way counts against a limit of our user, which all
    /// guests share, and not against the front end's.
    /// </summary>
    public void CheckUnread(RequestCode code)
    {
        if (!session.Channel.HasUnread)
        {
            _sentDescriptors = 0;
        }
        else if (_sentDescriptors >= UnreadDescriptorsMax)
        {
            Counters.DescriptorsRefused++;
            throw new ProtocolException($"{code} asks for one more descriptor, and {_sentDescriptors} that were sent before were not read");
        }

        _sentDescriptors++;
    }

    /// <summary>Brings the counters of what is kept up to date.</summary>
    public void UpdateUse()
    {
        bool ended = session.IsEnded;
        Counters.Regions = ended ? 0 : session.State.Memory.Regions.Count;
        Counters.Descriptors = ended ? 0 : CountKept();
        Counters.IotlbEntries = ended ? 0 : session.State.Iotlb.Entries.Count;
        Counters.IotlbEvicted += session.State.Iotlb.TakeEvicted();
    }

    private static string ReserveText(RequestCode code) =>
        $"{code} needs a descriptor, and this process has only its reserve of {DescriptorReserve.Reserve} of {DescriptorReserve.Limit} left, " +
        "which is for what runs already (descriptors.reserve)";

    private void CheckKept(RequestCode code, int added, int highest)
    {
        if (added <= 0)
        {
            return;
        }

        int kept = CountKept();
        if (kept + added > Quotas.Descriptors)
        {
            Counters.DescriptorsRefused++;
            throw new ProtocolException(
                $"{code} would take the descriptors that are kept for this front end from {kept} to {kept + added}; {Quotas.Descriptors} are allowed " +
                "(quotas.descriptors)");
        }

        if (!DescriptorReserve.Admits(highest))
        {
            Counters.ReserveRefused++;
            throw new ProtocolException(ReserveText(code));
        }
    }

    /// <summary>The connection, and what the groups keep.</summary>
    private int CountKept()
    {
        int kept = 1;
        foreach (MessageGroup group in session.Groups)
        {
            kept += group.KeptDescriptors;
        }

        return kept;
    }
}
