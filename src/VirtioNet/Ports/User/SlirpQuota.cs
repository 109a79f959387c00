namespace VhostNet.VirtioNet.Ports.User;

/// <summary>
/// What one <c>user</c> port may make the host keep: flows, descriptors, and how many new ones a second. Fed with what libslirp registers and closes; asked
/// before it is given a frame that may open something. What runs is never touched. Thread of the port, under the library's lock.
/// </summary>
/// <remarks>
/// libslirp ends a UDP flow 4 minutes after its last datagram (10 seconds after the answer of a name server), an echo without an answer after 4 minutes, a
/// connection that does not come about after 75 seconds. It can't be made to end one earlier, so that a guest that has used up its quota gets new flows as its
/// old ones end; others don't notice.
/// </remarks>
internal sealed class SlirpQuota
{
    private const long NsPerSecond = 1_000_000_000;

    /// <summary>How long the library keeps a connection to a guest forward that was not completed: 75 seconds, and some.</summary>
    private const long EmbryoNs = 80 * NsPerSecond;

    /// <summary>Connections to guest forwards that are not completed yet: each has buffers, but no descriptor by which it could be counted.</summary>
    private const int EmbryosMax = 64;

    private readonly int _flowsMax;
    private readonly int _socketsMax;
    private readonly int _pingsMax;
    private readonly int _perSecond;
    private readonly int _fixedSockets;
    private readonly HashSet<(UInt128 Address, ushort Port)> _forwards;
    private readonly Dictionary<int, SlirpFlow> _open = [];
    private readonly HashSet<SlirpFlow> _udp = [];
    private readonly Dictionary<SlirpFlow, long> _embryos = [];
    private readonly UserPortUse _use;
    private SlirpFlow _current;
    private int _pings;
    private long _tokensNs;
    private long _refilledNs;

    /// <summary>Creates a quota.</summary>
    /// <param name="options">The limits.</param>
    /// <param name="use">Where use and refusals are counted.</param>
    /// <param name="fixedSockets">Descriptors that the port has anyhow.</param>
    public SlirpQuota(UserOptions options, UserPortUse use, int fixedSockets)
    {
        _flowsMax = options.FlowsMax;
        _socketsMax = options.SocketsMax;
        _perSecond = options.FlowsPerSecond;
        _pingsMax = Math.Max(8, options.FlowsMax / 16);
        _fixedSockets = fixedSockets;
        _use = use;
        _tokensNs = NsPerSecond;
        _forwards = [.. options.GuestForwards.Select(f => ((UInt128)Packets.WireAddress.ToNumber(f.Guest.Address), (ushort)f.Guest.Port))];
        Publish();
    }

    /// <summary>True while one more connection of the outside may be taken. Two system calls.</summary>
    public bool TakesConnection => !IsFull && HasRoom();

    private bool IsFull => _open.Count + _embryos.Count >= _flowsMax || _open.Count + _fixedSockets >= _socketsMax;

    /// <summary>Whether the library may have a frame of this flow; what it opens meanwhile belongs to the flow, until <see cref="Leave"/>.</summary>
    public bool TryEnter(in SlirpFlow flow, long nowNs)
    {
        if (flow.MayOpen && !IsKnown(flow) && !Admits(flow, nowNs))
        {
            return false;
        }

        _current = flow;
        return true;
    }

    /// <summary>The library is done with the frame.</summary>
    public void Leave() => _current = default;

    /// <summary>The library opened, or accepted, a descriptor.</summary>
    public void Opened(int fd)
    {
        SlirpFlow flow = _current.Kind == SlirpFlowKind.None ? new SlirpFlow(SlirpFlowKind.Accepted) : _current;
        if (flow.Kind == SlirpFlowKind.TcpSegment)
        {
            _embryos.Remove(flow);
        }

        // A number that is known is that of a descriptor whose end we were not told of.
        Closed(fd);
        _open[fd] = flow;
        _pings += flow.Kind == SlirpFlowKind.Ping ? 1 : 0;
        if (flow.Kind is SlirpFlowKind.Udp4 or SlirpFlowKind.Udp6)
        {
            _udp.Add(SenderOf(flow));
        }

        Publish();
    }

    /// <summary>The library closes a descriptor.</summary>
    public void Closed(int fd)
    {
        if (_open.Remove(fd, out SlirpFlow flow))
        {
            _pings -= flow.Kind == SlirpFlowKind.Ping ? 1 : 0;
            _udp.Remove(SenderOf(flow));
            Publish();
        }
    }

    /// <summary>The library tells datagram flows apart by their senders only.</summary>
    private static SlirpFlow SenderOf(in SlirpFlow flow) => new(flow.Kind, flow.Source, flow.SourcePort);

    private bool IsKnown(in SlirpFlow flow) => flow.Kind is SlirpFlowKind.Udp4 or SlirpFlowKind.Udp6 && _udp.Contains(SenderOf(flow));

    private bool Admits(in SlirpFlow flow, long nowNs)
    {
        bool forward = flow.Kind == SlirpFlowKind.TcpOpen && _forwards.Contains((flow.Destination, flow.DestinationPort));
        SlirpFlow embryo = flow with { Kind = SlirpFlowKind.TcpSegment };
        if (forward && _embryos.ContainsKey(embryo))
        {
            return true;
        }

        if (IsFull || (forward && _embryos.Count >= EmbryosMax))
        {
            ForgetEmbryos(nowNs);
        }

        if (IsFull || (forward && _embryos.Count >= EmbryosMax) || (flow.Kind == SlirpFlowKind.Ping && _pings >= _pingsMax) || !TryTakeToken(nowNs))
        {
            _use.CountRefused();
            return false;
        }

        if (!HasRoom())
        {
            return false;
        }

        if (forward)
        {
            _embryos[embryo] = nowNs;
        }

        return true;
    }

    private void ForgetEmbryos(long nowNs)
    {
        foreach ((SlirpFlow flow, long sinceNs) in _embryos)
        {
            if (nowNs - sinceNs > EmbryoNs)
            {
                _embryos.Remove(flow);
            }
        }
    }

    private bool HasRoom()
    {
        if (DescriptorReserve.HasRoom())
        {
            return true;
        }

        _use.CountReserveRefused();
        return false;
    }

    /// <summary>A bucket of one second's worth, kept in nanoseconds times the rate so that nothing is lost by rounding.</summary>
    private bool TryTakeToken(long nowNs)
    {
        long passed = Math.Clamp(nowNs - _refilledNs, 0, NsPerSecond);
        _refilledNs = nowNs;
        _tokensNs = Math.Min(NsPerSecond, _tokensNs + passed);
        long price = NsPerSecond / _perSecond;
        if (_tokensNs < price)
        {
            return false;
        }

        _tokensNs -= price;
        return true;
    }

    private void Publish() => _use.Set(_open.Count, _open.Count + _fixedSockets);
}
