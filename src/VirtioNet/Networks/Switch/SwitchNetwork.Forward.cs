using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <content>What runs on data threads.</content>
public sealed partial class SwitchNetwork
{
    /// <inheritdoc/>
    public override int Forward(Ingress source, FrameBurst burst, BottomHalf? waiter)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(burst);
        SwitchSnapshot snapshot = Snapshot;
        SwitchSource? from = source.NetworkState as SwitchSource ?? Create(snapshot, source);
        if (from is null || !from.IsMemberOf(snapshot))
        {
            // The port is leaving.
            source.Drops.Drop(DropReason.NoReceiver, burst.Count);
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

    /// <summary>
    /// Called between the look at a burst's frames and their delivery, which is when a hostile sender changes them; for tests, null otherwise.
    /// </summary>
    internal Action<FrameBurst>? Judged { get; set; }

    // Allocates: once for each queue by which frames come in.
    private SwitchSource? Create(SwitchSnapshot snapshot, Ingress source)
    {
        SwitchPortView? view = Array.Find(snapshot.Views, v => v?.Port == source.Port);
        if (view is null)
        {
            return null;
        }

        var created = new SwitchSource(this, view.Member, source);
        source.NetworkState = created;
        return created;
    }
}
