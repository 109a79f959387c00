using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Fuzz.Frames;

/// <summary>Frames do not vanish: every one is counted once where it came in, and once where it left or was dropped.</summary>
internal static class FrameAccounts
{
    /// <param name="scene">All is quiet there.</param>
    /// <param name="exact">No frame became several, so that what was sent can be compared with what arrived.</param>
    public static void Check(FrameScene scene, bool exact)
    {
        foreach (FrameGuest guest in scene.Guests)
        {
            CheckQueues(guest);
            if (exact)
            {
                CheckSource(scene, guest);
            }
        }

        if (exact)
        {
            foreach (FrameGuest guest in scene.Innocents)
            {
                CheckDestination(scene, guest);
            }
        }
    }

    /// <summary>What was counted between two guests.</summary>
    public static string Describe(FrameScene scene, FrameGuest from, FrameGuest to)
    {
        scene.JoinedPort(from).ReadCounters(out FrameCounters received, out _);
        to.Port.ReadCounters(out _, out FrameCounters sent);
        return $"{from.Name} sent {received.Frames}, dropped: {Reasons(received)}; {to.Name} got {sent.Frames}, dropped: {Reasons(sent)}";
    }

    private static string Reasons(in FrameCounters counters)
    {
        var reasons = new List<string>();
        foreach (DropReason reason in Enum.GetValues<DropReason>())
        {
            if (counters.Drops[(int)reason] is > 0 and long count)
            {
                reasons.Add($"{count} {reason}");
            }
        }

        return string.Join(", ", reasons);
    }

    private static void CheckQueues(FrameGuest guest)
    {
        FrameCounters sent = guest.Port.Pairs[0].Tx.Counters;
        if (sent.Frames + sent.DroppedTotal != guest.Sender.Offered)
        {
            throw new FuzzException($"{guest.Name} offered {guest.Sender.Offered} chains, of which {sent.Frames} are counted as frames and {sent.DroppedTotal} as dropped");
        }

        FrameCounters received = guest.Port.Pairs[0].Rx.Counters;
        if (received.Frames != guest.Receiver.Frames || received.Bytes != guest.Receiver.Bytes)
        {
            throw new FuzzException($"{guest.Name} got {guest.Receiver.Frames} frames of {guest.Receiver.Bytes} bytes, and {received.Frames} of {received.Bytes} are counted");
        }
    }

    /// <summary>What a guest sent was either handed to somebody or dropped and counted at its port.</summary>
    private static void CheckSource(FrameScene scene, FrameGuest guest)
    {
        Port port = scene.JoinedPort(guest);
        long frames = guest.Port.Pairs[0].Tx.Counters.Frames;
        long drops = NetworkDrops(scene, guest);
        long handed = scene.Guests.Where(g => g != guest).Sum(g => Handed(scene, port, g));
        if (handed + drops < frames)
        {
            throw new FuzzException($"{guest.Name} sent {frames} frames: {handed} were handed on and {drops} dropped, the others vanished");
        }
    }

    /// <summary>What was handed to a guest's port either reached the guest or was dropped and counted.</summary>
    private static void CheckDestination(FrameScene scene, FrameGuest guest)
    {
        guest.Port.ReadCounters(out _, out FrameCounters sent);
        long there = sent.Frames + sent.DroppedTotal;
        IEnumerable<FrameGuest> others = scene.Guests.Where(g => g != guest);
        long handed = others.Sum(g => Handed(scene, scene.JoinedPort(g), guest));

        // A frame that was handed over and then could not get the right tag is dropped where it came from.
        long withheld = others.Sum(g => NetworkDrops(scene, g));
        if (there > handed || there < handed - withheld)
        {
            throw new FuzzException($"{guest.Name} was to get {handed} frames, of which {sent.Frames} arrived and {sent.DroppedTotal} were dropped; {handed - there} vanished");
        }
    }

    private static long Handed(FrameScene scene, Port from, FrameGuest to)
    {
        if (scene.Network.Switch is { } network)
        {
            return network.ReadPair(from, scene.JoinedPort(to)).Frames;
        }

        FrameGuest source = scene.Guests.First(g => scene.JoinedPort(g) == from);
        return source.Port.Pairs[0].Tx.Counters.Frames - NetworkDrops(scene, source);
    }

    /// <summary>Frames that the network dropped on their way from a guest's port.</summary>
    private static long NetworkDrops(FrameScene scene, FrameGuest guest)
    {
        scene.JoinedPort(guest).ReadCounters(out FrameCounters received, out _);
        return received.DroppedTotal - (scene.JoinedPort(guest) == guest.Port ? guest.Port.Pairs[0].Tx.Counters.DroppedTotal : 0);
    }
}
