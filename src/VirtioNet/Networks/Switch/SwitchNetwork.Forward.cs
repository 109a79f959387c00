using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Networks.Switch;

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

        BeginTurn(burst, waiter);
        int done = from.Forward(snapshot, burst);
        if (done < burst.Count)
        {
            // No receiver holds a sender up: it was the budget.
            waiter?.Schedule();
        }

        return done;
    }

    /// <summary>Called between the look at a burst's frames and their delivery, which is when a hostile sender changes them; for tests, null otherwise.</summary>
    internal Action<FrameBurst>? Judged { get; set; }

    /// <summary>Gives frames to a port; it takes them or drops them, but for those that the turn's budget left.</summary>
    internal static int Give(Port source, Port port, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, out long bytes) =>
        DeliverTo(source, port, burst, frames, queue, waiter: null, out bytes);

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
