using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>
/// Which client has which IPv4 address, and until when. A client keeps its address as long as nobody needs it, also past its time; who needs one gets a free
/// one, else the one whose time was over first, else the oldest that was only offered. Not thread-safe.
/// </summary>
internal sealed class LeaseTable
{
    /// <summary>How long an offer stands: clients take it within seconds.</summary>
    public const long OfferNs = 30_000_000_000;

    /// <summary>How long a declined address is left alone (RFC 2131 section 4.3.3 says no time; ten minutes is what other servers take).</summary>
    public const long DeclineNs = 600_000_000_000;

    private readonly ulong[] _clients;
    private readonly LeaseState[] _states;
    private readonly long[] _untilNs;
    private readonly uint _first;
    private readonly long _leaseNs;
    private readonly AioClock _clock;

    /// <summary>Creates a table of <paramref name="count"/> addresses from <paramref name="first"/> on, but not <paramref name="reserved"/>.</summary>
    /// <param name="first">The first address.</param>
    /// <param name="count">Their number.</param>
    /// <param name="leaseNs">How long a client has its address; <see cref="long.MaxValue"/> for ever.</param>
    /// <param name="clock">What that is measured by.</param>
    /// <param name="reserved">Addresses that are never given away.</param>
    public LeaseTable(uint first, int count, long leaseNs, AioClock clock, params ReadOnlySpan<uint> reserved)
    {
        _first = first;
        _leaseNs = leaseNs;
        _clock = clock;
        _clients = new ulong[count];
        _states = new LeaseState[count];
        _untilNs = new long[count];
        foreach (uint address in reserved)
        {
            if (IndexOf(address) is >= 0 and int index)
            {
                _states[index] = LeaseState.Reserved;
            }
        }
    }

    /// <summary>The address that a client has, or gets; prefers <paramref name="wanted"/> when it is free. 0 when nothing is left.</summary>
    public uint Offer(MacAddress client, uint wanted)
    {
        long now = _clock.NowNs;
        int index = Find(client);
        if (index < 0)
        {
            index = IndexOf(wanted) is >= 0 and int free && IsFree(free, now) ? free : FindPlace(now);
            if (index < 0)
            {
                return 0;
            }
        }

        if (_states[index] != LeaseState.Bound || _clients[index] != client.Value || _untilNs[index] <= now)
        {
            Set(index, client, LeaseState.Offered, now + OfferNs);
        }

        return _first + (uint)index;
    }

    /// <summary>Gives an address to a client, or makes its time begin anew.</summary>
    /// <returns>False when the address belongs to another client or is none of ours.</returns>
    public bool TryBind(MacAddress client, uint address)
    {
        long now = _clock.NowNs;
        int index = IndexOf(address);
        int old = Find(client);
        if (index < 0 || (old != index && !IsFree(index, now)))
        {
            return false;
        }

        if (old >= 0 && old != index)
        {
            Clear(old);
        }

        Set(index, client, LeaseState.Bound, _leaseNs == long.MaxValue ? long.MaxValue : now + _leaseNs);
        return true;
    }

    /// <summary>Takes a client's address back.</summary>
    public void Release(MacAddress client)
    {
        int index = Find(client);
        if (index >= 0)
        {
            Clear(index);
        }
    }

    /// <summary>A client found its address in use by somebody else: nobody gets it for a time. Of others' addresses a client can say nothing.</summary>
    public void Decline(MacAddress client, uint address)
    {
        int index = Find(client);
        if (index >= 0 && index == IndexOf(address))
        {
            Set(index, default, LeaseState.Declined, _clock.NowNs + DeclineNs);
        }
    }

    /// <summary>What is not free, to go on with elsewhere.</summary>
    public IReadOnlyList<LeaseData> Save()
    {
        long now = _clock.NowNs;
        return
        [
            .. Enumerable.Range(0, _states.Length).Where(i => _states[i] is not (LeaseState.Free or LeaseState.Reserved)).Select(i => new LeaseData(
                _first + (uint)i, _clients[i], (int)_states[i], _untilNs[i] == long.MaxValue ? long.MaxValue : _untilNs[i] - now)),
        ];
    }

    /// <summary>Takes over what <see cref="Save"/> gave; what is no address of this table's is left out.</summary>
    public void Restore(IEnumerable<LeaseData> leases)
    {
        long now = _clock.NowNs;
        foreach (LeaseData lease in leases)
        {
            var state = (LeaseState)lease.State;
            int index = IndexOf(lease.Address);
            if (index >= 0 && _states[index] == LeaseState.Free && state is (LeaseState.Offered or LeaseState.Bound or LeaseState.Declined))
            {
                Set(index, new MacAddress(lease.Client), state, lease.LeftNs == long.MaxValue ? long.MaxValue : now + lease.LeftNs);
            }
        }
    }

    private void Set(int index, MacAddress client, LeaseState state, long untilNs)
    {
        _clients[index] = client.Value;
        _states[index] = state;
        _untilNs[index] = untilNs;
    }

    private void Clear(int index) => Set(index, default, LeaseState.Free, 0);

    private bool IsFree(int index, long now) => _states[index] switch
    {
        LeaseState.Free => true,
        LeaseState.Reserved => false,
        _ => _untilNs[index] <= now,
    };

    private int Find(MacAddress client)
    {
        for (int at = 0; at < _clients.Length; at++)
        {
            int found = _clients.AsSpan(at).IndexOf(client.Value);
            if (found < 0)
            {
                break;
            }

            at += found;
            if (_states[at] is LeaseState.Offered or LeaseState.Bound)
            {
                return at;
            }
        }

        return -1;
    }

    private int IndexOf(uint address) => address >= _first && address - _first < (uint)_clients.Length ? (int)(address - _first) : -1;

    /// <summary>The place for a new client: a free one, else what was over first, else the oldest offer; -1 when there is none.</summary>
    private int FindPlace(long now)
    {
        int over = -1;
        int offered = -1;
        for (int i = 0; i < _states.Length; i++)
        {
            if (_states[i] == LeaseState.Free)
            {
                return i;
            }

            if (IsFree(i, now))
            {
                over = over < 0 || _untilNs[i] < _untilNs[over] ? i : over;
            }
            else if (_states[i] == LeaseState.Offered)
            {
                offered = offered < 0 || _untilNs[i] < _untilNs[offered] ? i : offered;
            }
        }

        return over >= 0 ? over : offered;
    }
}
