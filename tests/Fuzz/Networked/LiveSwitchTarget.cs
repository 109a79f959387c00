using System.Buffers.Binary;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.Fuzz.Frames;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Fuzz.Networked;

/// <summary>
/// Two restricted ports that try to leave their VLANs by an uplink that carries all, with tags of every kind, and use addresses that are not theirs; in half of the cases they rewrite
/// their frames while these are worked on. The model says from the port's own configuration what may come out: the first VLAN that the next switch would see is one of the port's, whether it is
/// the outer tag or, behind a priority tag that a switch may take off, the one that comes to light.
/// </summary>
internal sealed class LiveSwitchTarget : FuzzTarget
{
    private const int Frames = 64;
    private const ushort Mark = 0x88b5;

    private static readonly ushort[] s_vlans = [0, 1, 10, 20, 30, 4094];
    private static readonly byte[][] s_macs = [[2, 0, 0, 0, 7, 1], [2, 0, 0, 0, 7, 2]];

    private readonly Loop _loop = new();
    private readonly LoopGuest[] _attackers;
    private readonly LoopGuest _uplink;
    private readonly Port _uplinkPort;
    private readonly Racer _racer = new();

    /// <param name="fault">What the uplink's port does to frames; null for nothing.</param>
    public LiveSwitchTarget(InterposedPort.Meddler? fault = null)
    {
        _attackers = [new LoopGuest("attacker 1", _loop.Thread), new LoopGuest("attacker 2", _loop.Thread)];
        _uplink = new LoopGuest("uplink", _loop.Thread, 1024, slots: 1024);
        _uplinkPort = fault is null ? _uplink.Port : new InterposedPort(_uplink.Port, fault);
    }

    protected override int CountEvery => IsVerbose ? 1 : 256;

    public override void Within(Action action) => _loop.Run(action);

    public override void Dispose()
    {
        _racer.Dispose();
        _loop.Run(() =>
        {
            Array.ForEach(_attackers, a => a.Dispose());
            _uplink.Dispose();
        });
        _loop.Dispose();
    }

    protected override void Attack(Random random)
    {
        using var network = new SwitchNetwork("lan", new SwitchOptions());
        SwitchPortOptions[] places = [Place(random, s_macs[0]), Place(random, s_macs[1])];
        _uplink.StartFresh();
        network.Attach(_uplinkPort, new SwitchPortOptions());
        for (int i = 0; i < _attackers.Length; i++)
        {
            _attackers[i].StartFresh();
            network.Attach(_attackers[i].Port, places[i]);
        }

        try
        {
            bool races = random.OneIn(2);
            for (int rounds = random.Next(1, 4); rounds > 0; rounds--)
            {
                int attacker = random.Next(2);
                Send(random, attacker, places[attacker], races);
                Look(places, races);
            }
        }
        finally
        {
            foreach (Port port in network.Ports.ToArray())
            {
                network.Detach(port);
            }
        }
    }

    protected override void CheckAftermath()
    {
    }

    private static SwitchPortOptions Place(Random random, byte[] mac)
    {
        ushort[] allowed = random.Pick<ushort[]>([0], [10], [0, 10], [10, 30]);
        return new SwitchPortOptions
        {
            Mode = random.OneIn(4) ? SwitchVlanMode.Access : SwitchVlanMode.Trunk,
            AccessVlan = random.Pick<ushort>(s_vlans),
            NativeVlan = random.OneIn(3) ? null : random.Pick<ushort>(allowed),
            AllowedVlans = allowed,
            PinnedMacs = [MacAddress.Read(mac)],
        };
    }

    private void Send(Random random, int attacker, SwitchPortOptions place, bool races)
    {
        AttackGuest rings = _attackers[attacker].Rings;
        int first = rings.Tx.Raw.AvailIndex, count = 0;
        while (count < Frames && rings.TrySend(Frame(random, attacker, place)))
        {
            count++;
        }

        int seed = random.Next();
        if (races && count > 0)
        {
            var scribbles = new Random(seed);
            _racer.Begin(() => Rewrite(scribbles, rings, first, count));
        }

        try
        {
            rings.Kick();
            _loop.Settle();
        }
        finally
        {
            _racer.End();
        }
    }

    /// <summary>Tags of the port's own VLANs and of others, in any order, with priority tags between them.</summary>
    private static byte[] Frame(Random random, int attacker, SwitchPortOptions place)
    {
        byte[] frame = Packets.Broadcast();
        if (random.OneIn(4))
        {
            s_macs[1 - attacker].CopyTo(frame, 0);
        }

        s_macs[random.OneIn(8) ? 1 - attacker : attacker].CopyTo(frame, 6);
        frame[58] = (byte)attacker;
        int at = 12;
        for (int tags = random.Next(4); tags > 0; tags--, at += 4)
        {
            ushort vlan = random.OneIn(2) ? random.Pick<ushort>(s_vlans) : place.AllowedVlans!.First();
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), random.OneIn(6) ? (ushort)0x88a8 : (ushort)0x8100);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at + 2), (ushort)(vlan | (random.OneIn(3) ? 0x6000 : 0)));
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), Mark);
        return frame;
    }

    /// <summary>The guest's other processor changes tags, and now and then a source address.</summary>
    private static void Rewrite(Random random, AttackGuest rings, int first, int count)
    {
        for (int i = 0; i < 64; i++)
        {
            ulong frame = rings.FrameAddress((first + random.Next(count)) % rings.Tx.Size) + 12;
            Span<byte> bytes = rings.Memory.Bytes(frame, 30);
            switch (random.Next(8))
            {
                case 0: bytes[13] = random.Pick<byte>(0x00, 0xa8, 0xb5); break;
                case 1: bytes[12] = random.Pick<byte>(0x81, 0x88); break;
                case 2: bytes[11] = random.Pick<byte>(1, 2); break;
                case 3: bytes[19] = (byte)random.Pick<ushort>(s_vlans); break;
                default: bytes[15] = (byte)random.Pick<ushort>(s_vlans); break;
            }
        }
    }

    private void Look(SwitchPortOptions[] places, bool races)
    {
        while (_uplink.Rings.Receive() is { } frame)
        {
            // The mark at the end is written once, before the frame is offered, so it says who sent it whatever the rest became.
            int attacker = frame.Length < 60 ? -1 : frame[^(60 - 58)];
            if (attacker is not (0 or 1))
            {
                continue;
            }

            if (!MayCarry(places[attacker], frame, out ushort vlan))
            {
                throw new FuzzException($"a frame of attacker {attacker + 1} left with VLAN {vlan}; its port is {Describe(places[attacker])}{(races ? ", rewritten meanwhile" : "")}");
            }

            if (!frame.AsSpan(6, 6).SequenceEqual(s_macs[attacker]))
            {
                throw new FuzzException($"a frame of attacker {attacker + 1} left with a source address that is not pinned there");
            }
        }
    }

    private static bool MayCarry(SwitchPortOptions place, byte[] frame, out ushort vlan)
    {
        vlan = 0;
        int at = 12;
        while (at + 4 <= frame.Length && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at)) is 0x8100 or 0x88a8)
        {
            vlan = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at + 2)) & 0xfff);
            if (vlan != 0)
            {
                break;
            }

            at += 4;
        }

        return place.Mode == SwitchVlanMode.Access ? vlan == place.AccessVlan : place.AllowedVlans!.Contains(vlan);
    }

    private static string Describe(SwitchPortOptions place) => place.Mode == SwitchVlanMode.Access
        ? $"an access port of VLAN {place.AccessVlan}"
        : $"a trunk of {string.Join(", ", place.AllowedVlans!)}, native {place.NativeVlan?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}";
}
