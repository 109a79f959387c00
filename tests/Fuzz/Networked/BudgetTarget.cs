using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.Fuzz.Networked;

/// <summary>
/// Rings that cost as much as can be: long loops, malformed and tiny buffers that never end, large frames for many. No turn may take more from its budget than a turn has and one step overdraws,
/// no pass of the loop may do more than all turns that can be in it; and who is on the same loop is served in between. Work is counted, not timed: by the budgets, by the rings' own counters, and
/// in builds that have it by <see cref="WorkWitness"/>, which counts where the work is done.
/// </summary>
internal sealed class BudgetTarget : FuzzTarget
{
    /// <summary>What one turn may take, in nominal nanoseconds.</summary>
    private const long TurnMax = TurnBudget.Turn + TurnBudget.StepMax;

    /// <summary>Each ring of a pass has one turn at most: two of each guest, those of the innocent pair included.</summary>
    private const long PassMax = 2 * (Holders + 3) * TurnMax;

    private const int Holders = 4;
    private const int PassesMax = 200;

    private readonly Loop _loop = new();
    private readonly LoopGuest _sender;
    private readonly LoopGuest[] _holders, _guests;
    private readonly Port[] _ports;
    private readonly WirePair _innocents;
    private readonly FrameBuilder _large = new() { Destination = Packets.Everybody, Source = Packets.Mac, Tcp = true, Payload = new byte[60_000] };

    /// <param name="fault">What the holders' ports do to frames; null for nothing.</param>
    public BudgetTarget(Fuzz.Frames.InterposedPort.Meddler? fault = null)
    {
        _sender = new LoopGuest("sender", _loop.Thread, 1024, VirtioNetFeatures.CSUM | VirtioNetFeatures.HOST_TSO4, 65536, slots: 64);
        _holders = [.. Enumerable.Range(0, Holders).Select(i => new LoopGuest(
            $"holder {i}", _loop.Thread, i < 2 ? 32768 : 1024, VirtioFeatures.INDIRECT_DESC | (i % 2 == 0 ? VirtioNetFeatures.MRG_RXBUF : 0)))];
        _ports = [.. _holders.Select(h => fault is null ? (Port)h.Port : new Fuzz.Frames.InterposedPort(h.Port, fault))];
        _innocents = OnLoop(() => new WirePair(_loop));
        _guests = [_sender, .. _holders];
    }

    protected override int CountEvery => IsVerbose ? 1 : 64;

    public override void Within(Action action) => _loop.Run(action);

    public override void Dispose()
    {
        _loop.Run(() =>
        {
            _innocents.Dispose();
            _sender.Dispose();
            Array.ForEach(_holders, h => h.Dispose());
        });
        _loop.Dispose();
    }

    protected override void Attack(Random random)
    {
        using var network = new SwitchNetwork("lan", new SwitchOptions());
        _sender.StartFresh();
        network.Attach(_sender.Port, new SwitchPortOptions());
        var keptFull = new List<LoopGuest>();
        for (int i = 0; i < Holders; i++)
        {
            if (random.OneIn(2))
            {
                _holders[i].Stop();
                Fill(random, _holders[i].Rings);
                _holders[i].Start();
                network.Attach(_ports[i], new SwitchPortOptions());
                keptFull.Add(_holders[i]);
            }
        }

        try
        {
            Send(random);
            for (int pass = 0; pass < PassesMax && MeasuredStep(); pass++)
            {
                keptFull.ForEach(h => AttackGuest.KeepFull(h.Rings.Rx));
            }
        }
        finally
        {
            foreach (Port port in network.Ports.ToArray())
            {
                network.Detach(port);
            }

            keptFull.ForEach(h => h.Stop());
            _sender.Stop();
        }
    }

    protected override void CheckAftermath() => _innocents.Exchange();

    private void Send(Random random)
    {
        bool large = random.OneIn(2);
        int count = random.Pick(1, 8, 64);
        while (count-- > 0)
        {
            _ = large ? _sender.Rings.TrySend(_large.Partial(), _large.Header((ushort)random.Pick(200, 1400))) : _sender.Rings.TrySend(Packets.Broadcast());
        }

        _sender.Rings.Kick();
    }

    /// <summary>A receive ring whose every head costs much, of one of several kinds.</summary>
    private static void Fill(Random random, AttackGuest rings)
    {
        rings.Reset();
        int kind = random.Next(6);
        for (int i = 0; i < rings.Rx.Size; i++)
        {
            ulong buffer = rings.BufferAddress(i);
            rings.Rx.Raw[i] = kind switch
            {
                0 => new RawDescriptor(buffer, 0, RingFlags.VRING_DESC_F_WRITE | RingFlags.VRING_DESC_F_NEXT, (ushort)((i + 1) % rings.Rx.Size)),
                1 => new RawDescriptor(ulong.MaxValue - 4096, 2048, RingFlags.VRING_DESC_F_WRITE, 0),
                2 => new RawDescriptor(buffer, 1, RingFlags.VRING_DESC_F_WRITE, 0),
                3 => new RawDescriptor(rings.BufferAddress(0), 16 * 2048, RingFlags.VRING_DESC_F_INDIRECT, 0),
                4 => new RawDescriptor(buffer, 1, (ushort)(RingFlags.VRING_DESC_F_WRITE | (i + 1 < rings.Rx.Size ? RingFlags.VRING_DESC_F_NEXT : 0)), (ushort)(i + 1)),
                _ => new RawDescriptor(buffer, 2048, RingFlags.VRING_DESC_F_WRITE, 0),
            };
            rings.Rx.Raw.SetAvail(i, (ushort)(kind is 0 or 4 ? 0 : i));
        }

        if (kind == 3)
        {
            // One table for all: each entry is empty and names the next.
            for (int i = 0; i < 2048; i++)
            {
                rings.Rx.Raw.SetIndirect(
                    rings.Memory, rings.BufferAddress(0), i, new RawDescriptor(rings.BufferAddress(64), 0, RingFlags.VRING_DESC_F_WRITE | RingFlags.VRING_DESC_F_NEXT, (ushort)((i + 1) % 2048)));
            }
        }

        AttackGuest.KeepFull(rings.Rx);
    }

    /// <exception cref="FuzzException">A turn or the pass did too much.</exception>
    private bool MeasuredStep()
    {
        long before = _guests.Sum(g => g.Work);
        WorkWitness.Reset();
        bool any = _loop.Step();
        WorkWitness.Counts seen = WorkWitness.Present;
        long work = _guests.Sum(g => g.Work) - before;
        if (_guests.FirstOrDefault(g => g.SpentInTurn > TurnMax) is { } guest)
        {
            throw new FuzzException($"{guest.Port.Name} took from its turn {guest.SpentInTurn} nominal nanoseconds, where {TurnMax} is the most");
        }

        long witnessed = (seen.Descriptors * TurnBudget.DescriptorCost) + ((seen.CopiedBytes + seen.SummedBytes) / TurnBudget.BytesPerUnit);
        return Math.Max(work, witnessed) <= PassMax
            ? any
            : throw new FuzzException($"work of {work} nominal nanoseconds, {witnessed} by the witness, was done in one pass of the loop, where {PassMax} is the most");
    }

    private T OnLoop<T>(Func<T> function)
    {
        T? result = default;
        _loop.Run(() => result = function());
        return result!;
    }
}
