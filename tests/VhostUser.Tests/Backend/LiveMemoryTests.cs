using System.Diagnostics;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Memory tables that change under a ring in full flow: nothing is lost, and the ring hardly waits.</summary>
[Collection(Alone.Name)]
public sealed class LiveMemoryTests
{
    private const int Changes = 200;

    [Fact]
    public void ARingInFullFlowLosesNothingAndWaitsLessThanAMillisecond()
    {
        using var guest = new GuestMemory();
        using var other = new GuestMemory(64 << 20, guestAddress: 1UL << 32);
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Enable(0);
        fixture.Kick(0);
        var flow = new Flow(fixture.Device.Queues[0], new TestRing(guest, 0));
        var thread = new Thread(flow.Run);
        thread.Start();
        var waits = new List<double>();
        try
        {
            for (int i = 0; i < Changes; i++)
            {
                flow.LongestWait = 0;
                if (i % 2 == 0)
                {
                    fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest, other), guest.File.Value, other.File.Value);
                }
                else
                {
                    fixture.Front.Tell(RequestCode.REM_MEM_REG, other.SingleRegion);
                }

                waits.Add(Stopwatch.GetElapsedTime(0, Volatile.Read(ref flow.LongestWait)).TotalMilliseconds);
            }
        }
        finally
        {
            flow.Stop = true;
            thread.Join();
        }

        Assert.Null(flow.Failure);
        Assert.True(flow.Served > Changes, $"only {flow.Served} chains went by");
        waits.Sort();
        Assert.InRange(waits[Changes / 2], 0, 1);
    }

    /// <summary>Guest and datapath thread in one: makes a chain available, serves it, checks that it came back.</summary>
    private sealed class Flow(Virtqueue queue, TestRing ring)
    {
        public volatile bool Stop;
        public long LongestWait;

        public long Served { get; private set; }

        public string? Failure { get; private set; }

        public void Run()
        {
            using var burst = new ChainBurst();
            while (!Stop && Failure is null)
            {
                ring.Add((ushort)(Served % 256), 0x8_0000, 64, write: true);
                long before = Stopwatch.GetTimestamp();
                queue.Lock.Enter();
                long waited = Stopwatch.GetTimestamp() - before;
                int count = queue.Peek(burst, 32, ChainDirection.Writable);
                queue.Complete(count);
                queue.Lock.Exit();
                if (waited > LongestWait)
                {
                    Volatile.Write(ref LongestWait, waited);
                }

                Served++;
                if (count != 1 || ring.UsedIndex != (ushort)Served)
                {
                    Failure = $"{count} chains were served and the used index is {ring.UsedIndex} after chain {Served}";
                }
            }
        }
    }
}
