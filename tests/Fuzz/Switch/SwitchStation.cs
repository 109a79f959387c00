using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Fuzz.Switch;

/// <summary>A port of the switch under attack: sends bursts into it and hands what it is given to whoever checks.</summary>
internal sealed class SwitchStation(string name, bool endsInGuest, SwitchPortOptions options, Action<SwitchStation, FrameBurst, int> received) : Port(name)
{
    public override string Kind => "station";

    public override Offloads Accepts => Offloads.None;

    public override bool EndsInGuest => endsInGuest;

    /// <summary>What is set for it.</summary>
    public SwitchPortOptions Options { get; } = options;

    /// <summary>The numbers of the frames that came.</summary>
    public HashSet<int> Came { get; } = [];

    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        foreach (ushort frame in frames)
        {
            received(this, burst, frame);
        }

        return frames.Length;
    }

    public int Send(FrameBurst burst, BottomHalf waiter) => Forward(burst, 0, waiter);
}
