using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>
/// Attacks a pair of virtqueues without a session: descriptors, indices, flags and tables, written between the device's bursts, or in one of eight cases while it reads them, by
/// another thread. Memory and rings are kept over cases; what a case left in them is where the next one with the same shape begins.
/// </summary>
internal sealed class RingsTarget : FuzzTarget
{
    private const ulong RingBits = VirtioFeatures.INDIRECT_DESC | VirtioFeatures.EVENT_IDX | VirtioFeatures.RING_PACKED | VirtioFeatures.IN_ORDER;
    private const int RaceEvery = 8;

    private static readonly int[] s_sizes = [1, 2, 8, 64];

    private readonly Loop _loop = new();
    private readonly EchoDevice _device;
    private readonly Func<VirtqueueLayout, uint, Virtqueue> _create;
    private readonly Dictionary<(ulong Features, int Size), RingPair> _pairs = [];
    private readonly Racer _racer = new();

    /// <param name="create">Makes a queue; null for the real one.</param>
    public RingsTarget(Func<VirtqueueLayout, uint, Virtqueue>? create = null)
    {
        _create = create ?? VirtqueueFactory.Create;
        _device = new EchoDevice(thread: _loop.Thread);
        for (ulong bits = RingBits; ; bits = (bits - 1) & RingBits)
        {
            foreach (int size in s_sizes)
            {
                _pairs.Add((VirtioFeatures.VERSION_1 | bits, size), new RingPair(VirtioFeatures.VERSION_1 | bits, size));
            }

            if (bits == 0)
            {
                break;
            }
        }
    }

    protected override int CountEvery => IsVerbose ? 1 : 1024;

    public override void Within(Action action) => _loop.Run(action);

    public override void Dispose()
    {
        _racer.Dispose();
        _device.Dispose();
        foreach (RingPair pair in _pairs.Values)
        {
            pair.Dispose();
        }

        _loop.Dispose();
    }

    protected override void Attack(Random random)
    {
        ulong features = VirtioFeatures.VERSION_1 | ((ulong)random.NextInt64() & RingBits);
        RingPair pair = _pairs[(features, random.Pick<int>(s_sizes))];
        pair.Begin(random);
        try
        {
            AttackPair(random, pair);
            pair.Arena.Check();
            Recover(pair);
        }
        finally
        {
            pair.End();
        }
    }

    protected override void CheckAftermath()
    {
        if (_device.StartedQueues != 0)
        {
            throw new FuzzException($"{_device.StartedQueues} queues still run on the device");
        }
    }

    private void AttackPair(Random random, RingPair pair)
    {
        pair.Start(_device, _create);
        bool races = random.OneIn(RaceEvery);
        for (int rounds = random.Next(5, 60); rounds > 0; rounds--)
        {
            int side = random.Next(2);
            if (races)
            {
                _racer.Begin(pair.Scribblers[side].Scribble);
                pair.Work(_device);
                _racer.End();
            }
            else
            {
                pair.Scribblers[side].Scribble();
            }

            pair.Work(_device);
            if (pair.IsBroken || random.OneIn(30))
            {
                pair.Revive(random, _device, _create);
            }
        }
    }

    /// <summary>Whatever was in the rings: after a reset both work.</summary>
    private void Recover(RingPair pair)
    {
        pair.Stop(_device);
        pair.Receive.Reset();
        pair.Transmit.Reset();
        pair.Start(_device, _create);
        Span<UsedChain> used = stackalloc UsedChain[1];
        for (int i = 0; i < 3; i++)
        {
            pair.Receive.Add([new GuestBuffer(pair.Arena.Playground.GuestAddress, 100, true)]);
            pair.Transmit.Add([new GuestBuffer(pair.Arena.Playground.GuestAddress + 4096, 50, false)]);
            pair.Receive.Publish();
            pair.Transmit.Publish();
            pair.Work(_device);
            if (pair.Receive.CollectUsed(used) != 1 || used[0].Length != 50 || pair.Transmit.CollectUsed(used) != 1)
            {
                throw new FuzzException("the rings do not work after they were reset");
            }
        }

        pair.Stop(_device);
    }
}
