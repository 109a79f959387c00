using VhostNet.Aio;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.VirtioNet.Networks;

/// <content>What runs on data threads.</content>
public sealed partial class SwitchNetwork
{
    /// <inheritdoc/>
    public override int Forward(Port source, FrameBurst burst, int queue, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(burst);
        SwitchSnapshot snapshot = Snapshot;
        SourceQueue state = source.SourceQueue(queue);
        SwitchSource? from = state.NetworkState as SwitchSource ?? Create(snapshot, source, state, queue);
        if (from is null || !from.IsMemberOf(snapshot))
        {
            // The port is leaving.
            state.Drops.Drop(DropReason.NoReceiver, burst.Count);
            return burst.Count;
        }

        from.Forward(snapshot, burst);
        return burst.Count;
    }

    /// <summary>Gives frames to a port; it takes them or drops them.</summary>
    internal static void Give(Port source, Port port, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue) =>
        DeliverTo(source, port, burst, frames, queue, waiter: null);

    // Allocates: once for each queue by which frames come in.
    private SwitchSource? Create(SwitchSnapshot snapshot, Port source, SourceQueue state, int queue)
    {
        SwitchPortView? view = Array.Find(snapshot.Views, v => v?.Port == source);
        if (view is null)
        {
            return null;
        }

        var created = new SwitchSource(this, view.Member, state, queue);
        state.NetworkState = created;
        return created;
    }
}
