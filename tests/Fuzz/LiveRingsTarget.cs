using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>
/// Attacks with what lies in the rings: descriptors, indices, flags and tables that are written while the device reads them (or, in half of the cases,
/// between its bursts, which a seed reproduces exactly).
/// </summary>
internal sealed class LiveRingsTarget(EchoDevice? device = null, SessionOptions? options = null) : SessionTarget(device ?? new EchoDevice(), options ?? BaseOptions)
{
    private const ulong RingBits = VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX | VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER;

    protected override void AttackSession(Random random)
    {
        using var arena = new RingArena();
        ulong features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | ((ulong)random.NextInt64() & RingBits);
        using VhostUserFrontend frontend = Victim.Open(arena.Memory, features, new FrontendOptions { Timeout = Patience });
        int size = random.Pick(1, 2, 8, 64);
        using DriverQueue receive = DriverQueue.Create(arena.Memory, Queue(0, size, features, arena));
        using DriverQueue transmit = DriverQueue.Create(arena.Memory, Queue(1, size, features, arena));
        try
        {
            frontend.StartQueue(receive);
            frontend.StartQueue(transmit);
            arena.Seal(receive, transmit);
            var scribblers = new[] { new RingScribbler(random, receive, arena, true), new RingScribbler(random, transmit, arena, false) };
            bool races = random.OneIn(2);
            for (int rounds = random.Next(5, 60); rounds > 0; rounds--)
            {
                RingScribbler scribbler = random.Pick<RingScribbler>(scribblers);
                if (races)
                {
                    scribbler.Scribble();
                }
                else
                {
                    Victim.Device.OnDataPath(scribbler.Scribble);
                }

                _ = write(scribbler.Queue.Kick.Value, 1UL);
                if (random.OneIn(30))
                {
                    Revive(random, frontend, scribbler.Queue);
                }
            }

            frontend.Barrier();
            Victim.Device.OnDataPath(() => { });
            arena.Check();
            Recover(frontend, receive, transmit, arena);
        }
        finally
        {
            frontend.Dispose();
            Victim.WaitForEnd(Patience);
        }
    }

    private static DriverQueueOptions Queue(int index, int size, ulong features, RingArena arena) =>
        new() { Index = index, Size = size, Features = features, IndirectLength = 0, Region = arena.Rings };

    /// <summary>Stops a ring and starts it at any position, as a guest's reset does.</summary>
    private static void Revive(Random random, VhostUserFrontend frontend, DriverQueue queue)
    {
        frontend.GetVringBase(queue.Index);
        uint position = queue.IsPacked
            ? (uint)random.Next(queue.Size) | (random.OneIn(2) ? 0x8000u : 0)
            : (uint)random.Next(65536);
        frontend.SetVringBase(queue.Index, queue.IsPacked ? position | (position << 16) : position);
        frontend.SetVringKick(queue.Index, queue.Kick);
    }

    /// <summary>Whatever was in the rings: after a reset both work.</summary>
    private static void Recover(VhostUserFrontend frontend, DriverQueue receive, DriverQueue transmit, RingArena arena)
    {
        frontend.ResetQueue(receive);
        frontend.ResetQueue(transmit);
        frontend.StartQueue(receive);
        frontend.StartQueue(transmit);
        var used = new UsedChain[1];
        for (int i = 0; i < 3; i++)
        {
            receive.Send([new GuestBuffer(arena.Playground.GuestAddress, 100, true)]);
            transmit.Send([new GuestBuffer(arena.Playground.GuestAddress + 4096, 50, false)]);
            if (receive.WaitForUsed(used, Patience) != 1 || used[0].Length != 50 || transmit.WaitForUsed(used, Patience) != 1)
            {
                throw new FuzzException("the rings do not work after they were reset");
            }
        }
    }
}
