using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Fuzz.Switch;

/// <summary>
/// Ports that try to hop into VLANs which are not theirs: with tags of every kind, one behind the other, and in half of the cases by writing other words into a frame after it was
/// looked at, while turns end in the middle of a flood. Whatever leaves is read as the next switch would.
/// </summary>
internal sealed unsafe class SwitchTarget : FuzzTarget
{
    private const int Stations = 6;
    private const int FrameMax = 96;

    /// <summary>Bytes of a frame that its sender rewrites; its number lies behind them.</summary>
    private const int Rewritten = 26;

    private static readonly ushort[] s_vlans = [0, 1, 2, 3, 4094, 4095];

    // SAFETY: FramesMax frames of FrameMax bytes each, which the sender's burst names; freed only by Dispose.
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(FrameBurst.FramesMax * FrameMax, 64);
    private readonly byte[] _judged = new byte[FrameBurst.FramesMax * FrameMax];
    private readonly FrameBurst _burst = new();
    private readonly AioContext _context = new();
    private readonly BottomHalf _waiter;
    private readonly SwitchFault _fault;
    private Random _random = new(0);
    private SwitchStation? _sender;
    private string? _finding;
    private bool _rewrites;

    public SwitchTarget(SwitchFault fault = SwitchFault.None)
    {
        _fault = fault;
        _context.BindToCurrentThread();
        _waiter = _context.CreateBottomHalf(() => { }, "sender");
    }

    public override void Dispose()
    {
        _context.Dispose();
        _burst.Dispose();
        NativeMemory.AlignedFree(_memory);
    }

    protected override void Attack(Random random)
    {
        _random = random;
        _rewrites = random.OneIn(2);
        _finding = null;
        using var network = new SwitchNetwork("lan", clock: AioClock.CreateVirtual(1)) { Judged = _ => OnJudged() };
        var stations = new List<SwitchStation>();
        for (int i = 0; i < Stations; i++)
        {
            var station = new SwitchStation($"p{i}", random.OneIn(2), RandomOptions(i), OnReceived);
            stations.Add(station);
            network.Attach(station, station.Options);
        }

        try
        {
            for (int bursts = random.Next(1, 12); bursts > 0; bursts--)
            {
                _sender = stations[random.Next(Stations)];
                stations.ForEach(s => s.Came.Clear());
                Send(random.Next(1, random.OneIn(4) ? FrameBurst.FramesMax : 24));
            }
        }
        finally
        {
            network.Dispose();
            stations.ForEach(s => s.Dispose());
        }
    }

    protected override void CheckAftermath()
    {
        if (_finding is { } finding)
        {
            throw new FuzzException(finding);
        }
    }

    private SwitchPortOptions RandomOptions(int station)
    {
        SwitchPortOptions options = _random.Next(4) switch
        {
            0 => new() { Mode = SwitchVlanMode.Access, AccessVlan = _random.Pick<ushort>(0, 1, 2) },
            1 => new() { NativeVlan = 1, AllowedVlans = [1, 2] },
            2 => new() { NativeVlan = null, AllowedVlans = [2, 3, 4094] },
            _ => new() { NativeVlan = _random.Pick<ushort?>(0, 0, 1, null) },
        };
        return _random.OneIn(4) ? options with { PinnedMacs = [new MacAddress(AddressOf(station))] } : options;
    }

    private static ulong AddressOf(int station) => 0x0200_0000_0000UL | (uint)station;

    /// <summary>Sends frames as a transmit queue does: what a turn leaves comes again.</summary>
    // SAFETY: frame numbers stay below FramesMax.
    private void Send(int count)
    {
        for (int i = 0; i < count; i++)
        {
            WriteHead(i);
            new Span<byte>(_memory + (i * FrameMax) + Rewritten, FrameMax - Rewritten).Clear();
            BinaryPrimitives.WriteInt32BigEndian(new Span<byte>(_memory + (i * FrameMax) + FrameMax - sizeof(int), sizeof(int)), i);
        }

        bool hurries = _random.OneIn(2);
        for (int first = 0; first < count;)
        {
            _burst.Clear();
            for (int i = first; i < count; i++)
            {
                _burst.TryAdd(default, (nint)(_memory + (i * FrameMax)), FrameMax);
            }

            Remember();
            _burst.Budget = hurries ? new TurnBudget(_random.Next(1, 2000)) : TurnBudget.Full;
            first += _sender!.Send(_burst, _waiter);
            _context.Poll(false);
        }
    }

    // SAFETY: as Send.
    private void WriteHead(int frame)
    {
        var head = new Span<byte>(_memory + (frame * FrameMax), Rewritten);
        _random.NextBytes(head);
        BinaryPrimitives.WriteUInt64BigEndian(head, (_random.OneIn(2) ? 0xffff_ffff_ffffUL : AddressOf(_random.Next(Stations))) << 16);
        BinaryPrimitives.WriteUInt64BigEndian(head[6..], AddressOf(_random.OneIn(8) ? _random.Next(Stations) : _sender!.Name[1] - '0') << 16);
        for (int at = 12; at < Rewritten - 4; at += 4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(head[at..], _random.OneIn(3) ? (ushort)0x0800 : _random.OneIn(2) ? (ushort)0x8100 : _random.Pick(SwitchFrame.TagTypes));
            BinaryPrimitives.WriteUInt16BigEndian(head[(at + 2)..], (ushort)(_random.Pick(s_vlans) | (_random.Next(8) << 13)));
        }
    }

    /// <summary>Notes what the frames are while they are judged.</summary>
    // SAFETY: both are as long.
    private void Remember() => new ReadOnlySpan<byte>(_memory, _judged.Length).CopyTo(_judged);

    private void OnJudged()
    {
        Remember();
        Rewrite();
    }

    private void Rewrite()
    {
        for (int i = 0; _rewrites && i < FrameBurst.FramesMax; i++)
        {
            if (_random.OneIn(2))
            {
                WriteHead(i);
            }
        }
    }

    // SAFETY: the frame's number is checked before it is used.
    private void OnReceived(SwitchStation to, FrameBurst burst, int index)
    {
        byte[] frame = new byte[burst[index].TotalLength];
        _ = burst.CopyTo(index, 0, frame);
        int number = BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(frame.Length - sizeof(int)));
        if ((uint)number >= FrameBurst.FramesMax)
        {
            _finding ??= $"frame {number} came to {to.Name}, which nobody sent";
            return;
        }

        frame = Spoil(frame, number);
        var judged = new ReadOnlySpan<byte>(_judged, number * FrameMax, FrameMax);

        // Frames of a port with pinned addresses are looked at again when a turn's end cut their delivery; a guest that has spoilt one meanwhile may have the others' deliveries mixed up, all its own.
        bool mayRepeat = _fault != SwitchFault.None || (_rewrites && _sender!.Options.PinnedMacs is not null);
        string? finding = to.Came.Add(number) || mayRepeat ? Check(to, frame, judged) : "came twice";
        if (finding is not null)
        {
            _finding ??= $"{Convert.ToHexString(judged[..24])} from {_sender!.Name} ({_sender.Options}) {finding} as {Convert.ToHexString(frame.AsSpan(0, 24))} at {to.Name} ({to.Options})";
        }

        if (_random.OneIn(8))
        {
            Rewrite();
        }
    }

    /// <summary>What is wrong with a frame that came; null when nothing is.</summary>
    private string? Check(SwitchStation to, ReadOnlySpan<byte> frame, ReadOnlySpan<byte> judged)
    {
        SwitchPortOptions ingress = _sender!.Options, egress = to.Options;
        if (to == _sender)
        {
            return "came back to its sender";
        }

        if (SwitchFrame.IsPlain(ingress) && SwitchFrame.IsPlain(egress) && to.EndsInGuest && ingress.PinnedMacs is null && _rewrites)
        {
            // Both belong to every VLAN in the same way, and frames go by reference: there is nothing to hop to.
            return null;
        }

        int vlan = SwitchFrame.VlanAt(ingress, judged);
        int tag = SwitchFrame.TagOf(frame);
        int read = tag < 0 ? SwitchFrame.Untagged(egress) : tag & 0xfff;
        return vlan < 0 ? "came in at a port that does not take it"
            : !SwitchFrame.Belongs(egress, vlan) ? $"of VLAN {vlan} left by a port that does not carry it"
            : tag >= 0 && (tag & 0xfff) == 0 ? "left with a priority tag"
            : read != vlan ? $"of VLAN {vlan} is read as VLAN {read}"
            : tag < 0 && SwitchFrame.TagTypes.Contains(SwitchFrame.TypeOf(frame)) && !(SwitchFrame.CarriesAll(ingress) && SwitchFrame.CarriesAll(egress))
                ? "left with a foreign tag"
            : !frame[..12].SequenceEqual(judged[..12]) ? "left with other addresses than were judged"
            : null;
    }

    // SAFETY: the caller checked the number.
    private byte[] Spoil(byte[] frame, int number)
    {
        switch (_fault)
        {
            case SwitchFault.ReadsTwice:
                new ReadOnlySpan<byte>(_memory + (number * FrameMax), 16).CopyTo(frame);
                return frame;
            case SwitchFault.TakesTwoTags when SwitchFrame.TagOf(frame) >= 0:
                return [.. frame[..12], .. frame[16..]];
            case SwitchFault.MixesPorts:
                BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(12), 0x8100_0002);
                return frame;
            default:
                return frame;
        }
    }
}
