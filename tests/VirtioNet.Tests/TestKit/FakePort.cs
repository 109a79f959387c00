using System.Collections.Concurrent;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Tests.TestKit;

/// <summary>A port whose outside is a list: keeps copies of what was delivered, takes no more than its room.</summary>
internal sealed class FakePort : Port
{
    private readonly ConcurrentQueue<(VirtioNetHeader Header, byte[] Frame)> _frames = new();
    private bool _up = true;
    private Offloads _accepts;

    public FakePort(string name, Offloads accepts = Offloads.None)
        : base(name) => _accepts = accepts;

    public override string Kind => "fake";

    public override Offloads Accepts => _accepts;

    public override bool IsUp => _up;

    public override bool EndsInGuest => IsGuest;

    /// <summary>False for a port that leads to other machines.</summary>
    public bool IsGuest { get; init; } = true;

    /// <summary>How many more frames the port takes.</summary>
    public int Room { get; set; } = int.MaxValue;

    /// <summary>Called in Deliver, before anything is taken.</summary>
    public Action? Delivering { get; set; }

    /// <summary>Calls of Deliver.</summary>
    public int Deliveries { get; private set; }

    public bool KeepsFrames { get; set; } = true;

    public IReadOnlyList<(VirtioNetHeader Header, byte[] Frame)> Frames => [.. _frames];

    public Offloads PeersAccept { get; private set; }

    public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        Delivering?.Invoke();
        Deliveries++;
        for (int i = 0; i < frames.Length; i++)
        {
            if (burst[frames[i]].IsMalformed)
            {
                continue;
            }

            if (Room == 0)
            {
                if (waiter is not null)
                {
                    return i;
                }

                EgressCounters.Drop(DropReason.NoBuffers);
                continue;
            }

            Room -= Room == int.MaxValue ? 0 : 1;
            EgressCounters.Frames++;
            EgressCounters.Bytes += burst[frames[i]].TotalLength;
            if (KeepsFrames)
            {
                _frames.Enqueue((burst.Header(frames[i]), BurstMemory.Read(burst, frames[i])));
            }
        }

        return frames.Length;
    }

    public override void PeersAcceptChanged(Offloads accepted) => PeersAccept = accepted;

    /// <summary>Sends a burst into the network.</summary>
    public int Send(FrameBurst burst, int queue = 0, BottomHalf? waiter = null) => Forward(burst, queue, waiter);

    /// <summary>Changes the outside and tells the network.</summary>
    public void Change(bool up, Offloads accepts = Offloads.None)
    {
        _up = up;
        _accepts = accepts;
        Network?.PortChanged(this);
    }

    /// <summary>Empties the list.</summary>
    public IReadOnlyList<byte[]> Take()
    {
        byte[][] result = [.. _frames.Select(f => f.Frame)];
        _frames.Clear();
        return result;
    }
}
