namespace VhostNet.Fuzz.Frames;

/// <summary>After the harm: who did nothing exchanges frames as if nothing had happened.</summary>
internal static class FrameRecovery
{
    private const int PayloadMax = 30;

    /// <exception cref="FuzzException">A frame did not arrive.</exception>
    public static void Run(FrameScene scene, Random random)
    {
        if (scene.Network.Switch is null)
        {
            // On a wire there is nobody else to talk to: the attacker's guest starts its driver anew and behaves from now on.
            scene.Attacker.Restart();
            scene.Attacker.Sender.TakeBack();
            for (int i = 0; i < 3; i++)
            {
                Exchange(scene, random, scene.Attacker, scene.Innocents[0], FrameAddresses.First);
                Exchange(scene, random, scene.Innocents[0], scene.Attacker, FrameAddresses.Attacker);
            }

            return;
        }

        // The attacker may have sent from their addresses; whoever sends anything takes its own back.
        Exchange(scene, random, scene.Innocents[0], scene.Innocents[1], FrameAddresses.Everybody);
        Exchange(scene, random, scene.Innocents[1], scene.Innocents[0], FrameAddresses.First);
        Exchange(scene, random, scene.Innocents[0], scene.Innocents[1], FrameAddresses.Second);
        Exchange(scene, random, scene.Innocents[1], scene.Innocents[0], FrameAddresses.First);
    }

    /// <summary>Sends a frame that an innocent guest would send.</summary>
    public static SentFrame Send(FrameScene scene, Random random, int innocent, byte[] destination) =>
        Send(scene, random, scene.Innocents[innocent], destination);

    private static SentFrame Send(FrameScene scene, Random random, FrameGuest from, byte[] destination)
    {
        int innocent = Array.IndexOf(scene.Innocents, from);
        (ushort, ushort)[] tags = innocent < 0 ? [] : scene.Tags[innocent];
        byte[] source = innocent switch { < 0 => FrameAddresses.Attacker, 0 => FrameAddresses.First, _ => FrameAddresses.Second };
        var generator = new FrameGenerator(random, scene.Register, from, segments: false);
        if (!from.Sender.TryOffer(generator.Good(destination, tags, random.Next(PayloadMax), source)))
        {
            throw new FuzzException($"{from.Name} can't send any more: {from.Sender.Outstanding} frames did not come back");
        }

        from.Sender.Publish();
        return scene.Register.Last;
    }

    private static void Exchange(FrameScene scene, Random random, FrameGuest from, FrameGuest to, byte[] destination)
    {
        long before = to.Receiver.Frames;
        SentFrame frame = Send(scene, random, from, destination);
        scene.Settle();
        if (!frame.HasArrived || to.Receiver.Frames == before)
        {
            throw new FuzzException($"after the attack a good frame from {from.Name} does not reach {to.Name}: {FrameAccounts.Describe(scene, from, to)}");
        }
    }
}
