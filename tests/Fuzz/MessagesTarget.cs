using VhostNet.TestKit;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>
/// Attacks with messages: right ones in a wrong order, wrong ones at the right time, torn ones, with and without descriptors, before and while rings run. All on one thread: what a
/// front end sends is handled when this side wants it to be. Guest memory is kept over cases.
/// </summary>
internal sealed class MessagesTarget(Action<DeviceRequest>? handled = null) : InlineSessionTarget(
    loop => new EchoDevice(2, thread: loop.Thread) { Features = AllFeatures, Handled = handled })
{
    private const ulong AllFeatures = VirtioFeatures.VERSION_1 | VirtioFeatures.ANY_LAYOUT | VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX
        | VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER | VirtioFeatures.RING_RESET | VirtioFeatures.LOG_ALL | VirtioFeatures.ACCESS_PLATFORM;

    /// <summary>One of so many cases goes over the socket, byte by byte; in the others whole messages are handed to the session.</summary>
    private const int OverSocketEvery = 8;

    /// <summary>Different enough in regions, sizes and places.</summary>
    private readonly GuardedMemory[] _memories = [.. Enumerable.Range(0, 6).Select(i => new GuardedMemory(new Random(i)))];

    protected override void AttackSession(Random random)
    {
        GuardedMemory memory = _memories[random.Next(_memories.Length)];
        memory.Memory.FreeAll();
        using var files = new FileZoo(random);
        FrontendOptions options = new()
        {
            Features = random.OneIn(3) ? AllFeatures & random.Any() : ~(VirtioFeatures.LOG_ALL | (random.OneIn(4) ? 0 : VirtioFeatures.ACCESS_PLATFORM) | (random.OneIn(2) ? VirtioFeatures.RING_PACKED : 0)),
            ProtocolFeatures = random.OneIn(3) ? random.Any() : ~(ProtocolFeatures.INBAND_NOTIFICATIONS | ProtocolFeatures.GPA_ADDRESSES),
            Timeout = Patience,
            UseMemorySlots = random.OneIn(2),
            AskForAcknowledgement = random.OneIn(4),
        };
        bool direct = !random.OneIn(OverSocketEvery);
        using VhostUserFrontend frontend = Victim.Connect(options, direct);
        var rings = new List<EchoRings>();
        try
        {
            if (!random.OneIn(4))
            {
                SetUp(random, frontend, memory.Memory, rings);
            }

            var generator = new MessageGenerator(random, memory.Memory, rings, files);
            for (int count = random.Next(1, 60); count > 0; count--)
            {
                generator.Send(frontend);
                if (!direct || random.OneIn(4))
                {
                    Drain(frontend);
                }

                foreach (EchoRings ring in rings)
                {
                    if (random.OneIn(8))
                    {
                        Traffic(ring);
                    }
                }
            }
        }
        finally
        {
            Drain(frontend);
            frontend.Dispose();
            bool ended = Victim.WaitForEnd();
            rings.ForEach(r => r.Dispose());
            if (ended)
            {
                memory.Check();
            }
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        Array.ForEach(_memories, m => m.Dispose());
    }

    private static void SetUp(Random random, VhostUserFrontend frontend, GuestMemory memory, List<EchoRings> rings)
    {
        frontend.Negotiate();
        frontend.ShareMemory(memory);
        if ((frontend.Features & VirtioFeatures.ACCESS_PLATFORM) != 0 && !random.OneIn(4))
        {
            foreach (GuestRegion region in memory.Regions)
            {
                frontend.Iotlb(new IotlbPayload(region.GuestAddress, region.Size, region.Description.UserAddress, 3, IotlbPayload.Update));
            }
        }

        for (int pair = 0; pair < 2 && !random.OneIn(4); pair++)
        {
            var ring = new EchoRings(frontend, memory, random.Pick(8, 16, 32), pair);
            rings.Add(ring);
            if (!random.OneIn(8))
            {
                ring.Start();
            }
        }
    }

    /// <summary>Offers a few chains and kicks, without waiting for anything.</summary>
    private static void Traffic(EchoRings ring)
    {
        if (ring.Receive.FreeDescriptors >= 8 && ring.Transmit.FreeDescriptors >= 8)
        {
            ring.Post();
            ring.Send();
            ring.Receive.Publish();
            ring.Transmit.Publish();
            _ = write(ring.Receive.Kick.Value, 1UL);
            _ = write(ring.Transmit.Kick.Value, 1UL);
        }
    }

    private static void Drain(VhostUserFrontend frontend)
    {
        try
        {
            while (frontend.TryReceiveRaw() is { } message)
            {
                message.Dispose();
            }
        }
        catch (VhostUserFrontendException e) when (e.Error == FrontendError.Closed)
        {
            // The victim hung up in the middle of an answer.
        }
    }
}
