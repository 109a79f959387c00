using System.Runtime.InteropServices;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Fuzz.Frames;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Fuzz.Networked;

/// <summary>Faults for the targets lifecycle, budget, switch and ports.</summary>
internal static class NetworkedCanary
{
    public static IEnumerable<(string Name, Func<FuzzTarget> Create, string[] Findings)> All =>
    [
        ("a VLAN that is changed on its way out", () => new LiveSwitchTarget(ChangeVlan), ["left with VLAN"]),
        ("a source address that is changed on its way out", () => new LiveSwitchTarget(ChangeSource), ["is not pinned there"]),
        ("a receiver that works without end for one frame", () => new BudgetTarget(WorkOn), ["in one pass of the loop"]),
        ("a turn that goes on when its budget is spent", () => new BudgetTarget(Overdraw), ["took from its turn"]),
        ("a port that asks for its loop again and again", () => new PortsTarget(Reschedule()), ["does not come to rest"]),
        ("an exception behind a port", () => new PortsTarget(Throw), ["went down"]),
        ("a ring that goes on after its session", () => new LifecycleTarget((d, guest) => new ForgetfulDevice(d, () => guest.Start(only: 0))), ["the port is still up"]),
        ("a device that uses a ring after its end", () => new LifecycleTarget((d, _) => new TouchyDevice(d, memory: false)), ["times after its end"]),
    ];

    /// <summary>Those that end the process they run in.</summary>
    public static IEnumerable<(string Name, Func<FuzzTarget> Create, string[] Findings)> Deadly =>
    [
        ("a device that reads a ring's memory after its end", () => new LifecycleTarget((d, _) => new TouchyDevice(d, memory: true)), ["AccessViolationException"]),
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

    /// <summary>Delivers over and over, and gives the turn back what that took.</summary>
    private static int WorkOn(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        TurnBudget before = burst.Budget;
        for (int i = 0; i < 5000; i++)
        {
            burst.Budget = TurnBudget.Full;
            _ = guest.Deliver(burst, frames, queue, null);
        }

        burst.Budget = before;
        return frames.Length;
    }

    private static int Overdraw(VhostUserPort guest, FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter)
    {
        burst.Budget.Take(2 * TurnBudget.Turn);
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
