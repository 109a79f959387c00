namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>
/// Which client has which IPv4 address. The size is fixed; a client that was only offered an address loses it to the next one when the table is full, a client
/// that took it does not. Not thread-safe.
/// </summary>
internal sealed class LeaseTable
{
    private const ulong Free = 0;

    // Clients are Ethernet addresses plus 2^48, so that the all-zero address differs from a free place.
    private readonly ulong[] _clients;
    private readonly bool[] _bound;
    private readonly uint _first;
    private int _nextVictim;

    /// <summary>Creates a table of <paramref name="count"/> addresses from <paramref name="first"/> on, but not <paramref name="reserved"/>.</summary>
    public LeaseTable(uint first, int count, params ReadOnlySpan<uint> reserved)
    {
        _first = first;
        _clients = new ulong[count];
        _bound = new bool[count];
        foreach (uint address in reserved)
        {
            if (IndexOf(address) is >= 0 and int index)
            {
                _clients[index] = ulong.MaxValue;
                _bound[index] = true;
            }
        }
    }

    /// <summary>The address that a client has, or gets; prefers <paramref name="wanted"/> when it is free. 0 when nothing is left.</summary>
    public uint Offer(MacAddress client, uint wanted)
    {
        int index = Find(client);
        if (index < 0)
        {
            index = IndexOf(wanted) is >= 0 and int free && _clients[free] == Free ? free : Array.IndexOf(_clients, Free);
            index = index < 0 ? FindVictim() : index;
            if (index < 0)
            {
                return 0;
            }

            _clients[index] = Key(client);
            _bound[index] = false;
        }

        return _first + (uint)index;
    }

    /// <summary>Gives an address to a client for good.</summary>
    /// <returns>False when the address belongs to another client or is none of ours.</returns>
    public bool TryBind(MacAddress client, uint address)
    {
        int index = IndexOf(address);
        if (index < 0 || (_clients[index] != Free && _clients[index] != Key(client)))
        {
            return false;
        }

        int old = Find(client);
        if (old >= 0 && old != index)
        {
            _clients[old] = Free;
            _bound[old] = false;
        }

        _clients[index] = Key(client);
        _bound[index] = true;
        return true;
    }

    /// <summary>Takes a client's address back.</summary>
    public void Release(MacAddress client)
    {
        int index = Find(client);
        if (index >= 0)
        {
            _clients[index] = Free;
            _bound[index] = false;
        }
    }

    private static ulong Key(MacAddress client) => client.Value | (1UL << 48);

    private int Find(MacAddress client) => Array.IndexOf(_clients, Key(client));

    private int IndexOf(uint address) => address >= _first && address - _first < (uint)_clients.Length ? (int)(address - _first) : -1;

    private int FindVictim()
    {
        for (int i = 0; i < _bound.Length; i++)
        {
            _nextVictim = (_nextVictim + 1) % _bound.Length;
            if (!_bound[_nextVictim])
            {
                return _nextVictim;
            }
        }

        return -1;
    }
}
