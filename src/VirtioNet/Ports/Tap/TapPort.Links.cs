using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Links;

namespace VhostNet.VirtioNet.Ports.Tap;

/// <content>What becomes of the interface and its bridge while the port is there. Control thread.</content>
public sealed partial class TapPort
{
    private readonly LinkFollower? _follower;
    private Offloads _accepted;
    private long _renewedNs;
    private volatile bool _isGone;

    /// <inheritdoc/>
    internal override void CallGone(CallKind call, Errno why)
    {
        _isGone = true;
        SetDown($"interface {InterfaceName} was removed ({call}: {why})");
        _follower?.LookSoon();
    }

    private bool Concerns(Link link) =>
        link.Index == _interface.Index || link.Index == _interface.BridgeIndex || link.Name == InterfaceName || link.Name == Options.Bridge;

    /// <summary>Attaches to the interface, or joins the bridge, that was made anew; says why the port is down, or null.</summary>
    private string? Look(LinkWatcher links)
    {
        Link? link = links.Find(_interface.Index);
        if (link is null || _isGone)
        {
            if (Options.Descriptors.Count > 0)
            {
                return $"interface {InterfaceName} was removed; it came by descriptors, so that only who handed them over can make it anew: remove the port and add it again";
            }

            if (!_interface.IsOurs && links.Find(InterfaceName) is null)
            {
                return $"interface {InterfaceName} was removed; the port goes on when it is made anew";
            }

            // What becomes of the new one is told later, and looked at then.
            SetDown($"interface {InterfaceName} was removed");
            Renew(links);
            return null;
        }

        _interface.Rename(link.Value.Name);
        if (!link.Value.IsUp)
        {
            return $"interface {InterfaceName} is down; 'ip link set {InterfaceName} up' brings it up";
        }

        return Options.Bridge is { } bridge ? LookAt(bridge, links.Find(bridge), link.Value) : null;
    }

    private string? LookAt(string name, Link? bridge, Link link)
    {
        if (bridge is null)
        {
            // An administrator may have put the interface somewhere else.
            return link.Bridge != 0 ? null : $"bridge {name} was removed; the port joins it again when it is made anew";
        }

        // Taken out of the bridge that it had joined: an administrator wants that. Only a bridge that was made anew is joined.
        if (link.Bridge == 0 && bridge.Value.Index != _interface.BridgeIndex)
        {
            _interface.JoinBridge(name);
        }

        return null;
    }

    private void Renew(LinkWatcher links)
    {
        long now = RevivalClock.NowNs;
        if (_renewedNs != 0 && now - _renewedNs < RevivalMinNs)
        {
            throw new PortException($"interface {InterfaceName} was removed again at once; the port makes it anew, or attaches to a new one, in a moment");
        }

        _renewedNs = now;
        using TapInterface fresh = TapInterface.Open(Options with { Name = InterfaceName });
        if (fresh.HasHeader != _interface.HasHeader)
        {
            throw new PortException($"interface {InterfaceName} was made anew {(fresh.HasHeader ? "with" : "without")} vnet_hdr, unlike before; remove the port and add it again");
        }

        fresh.SetOffloads(_accepted);
        _isGone = false;
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i].Replace(fresh.Queues[i]);
        }

        _interface.TakeOver(fresh);
        _frameSizeMax = FrameSizeFor(_accepted);
        links.ListAnew();
    }
}
