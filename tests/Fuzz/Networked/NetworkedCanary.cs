using System.Runtime.InteropServices;
using VhostNet.Aio;
using VhostNet.Fuzz.Frames;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Datapath;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.Fuzz.Networked;

/// <summary>Faults for the targets lifecycle, budget, switch and ports.</summary>
internal static class NetworkedCanary
{
    public static IEnumerable<(string Name, Func<FuzzTarget> Create, string[] Findings)> All =>
    [
        ("a VLAN that is changed on its way out", () => new LiveSwitchTarget(ChangeVlan), ["left with VLAN"]),
        ("a source address that is changed on its way out", () => new LiveSwitchTarget(ChangeSource), ["is not pinned there"]),
        ("a receiver that works without end for one frame", () => new BudgetTarget(Work), ["one pass of the loop took"]),
        ("a port that asks for its loop again and again", () => new PortsTarget(Reschedule()), ["does not come to rest"]),
        ("an exception behind a port", () => new PortsTarget(Throw), ["an exception escaped"]),
        ("a ring that goes on after its session", () => new LifecycleTarget((d, guest) => new ForgetfulDevice(d, () => guest.Start(only: 0))), ["the port is still up"]),
    ];

    private static int ChangeVlan(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        Change(burst, frames, 15, 30);
        return guest.Deliver(burst, frames, queue, waiter);
    }

    private static int ChangeSource(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        Change(burst, frames, 11, 99);
        return guest.Deliver(burst, frames, queue, waiter);
    }

    /// <summary>One byte of frames that lie in one piece behind a header of 12 bytes and are tagged.</summary>
    private static void Change(FrameBurst burst, ReadOnlySpan<ushort> frames, int offset, byte value)
    {
        foreach (ushort frame in frames)
        {
            Chain chain = burst[frame];
            if (chain is { SegmentCount: 1, Length: > 40 } && Marshal.ReadByte(chain.Address + 12) == 0x81)
            {
                Marshal.WriteByte(chain.Address + offset, value);
            }
        }
    }

    private static int Work(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        TimeSpan start = Environment.CpuUsage.TotalTime;
        while (Environment.CpuUsage.TotalTime - start < TimeSpan.FromMilliseconds(300))
        {
        }

        return guest.Deliver(burst, frames, queue, waiter);
    }

    private static InterposedPort.Meddler Reschedule()
    {
        BottomHalf? again = null;
        return (guest, burst, frames, queue, waiter) =>
        {
            again ??= AioContext.Current!.CreateBottomHalf(() => again!.Schedule(), "again");
            again.Schedule();
            return guest.Deliver(burst, frames, queue, waiter);
        };
    }

    private static int Throw(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) =>
        throw new InvalidOperationException("the canary sings");
}
