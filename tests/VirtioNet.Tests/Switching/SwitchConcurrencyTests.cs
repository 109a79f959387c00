using System.Diagnostics;
using VhostNet.VirtioNet.Networks.Switch;
using VhostNet.VirtioNet.Tests.TestKit;
using static VhostNet.VirtioNet.Tests.Switching.SwitchFixture;

namespace VhostNet.VirtioNet.Tests.Switching;

public sealed class SwitchConcurrencyTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task NobodyDeliversToAPortThatLeft()
    {
        using var net = new SwitchFixture(3);
        net[0].KeepsFrames = net[1].KeepsFrames = net[2].KeepsFrames = false;
        using var stop = new CancellationTokenSource();
        using var visitor = new FakePort("visitor") { KeepsFrames = false };
        bool outside = true;
        long wrong = 0, visits = 0;
        visitor.Delivering = () =>
        {
            Interlocked.Increment(ref visits);
            if (Volatile.Read(ref outside))
            {
                Interlocked.Increment(ref wrong);
            }
        };
        Task[] senders = [.. Enumerable.Range(0, 2).Select(i => Task.Factory.StartNew(() => SendUntil(net[i], i, stop.Token), TaskCreationOptions.LongRunning))];
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 60 && !Array.Exists(senders, s => s.IsCompleted); i++)
        {
            Volatile.Write(ref outside, false);
            net.Switch.Attach(visitor, new SwitchPortOptions { Isolated = i % 2 == 0 });
            net.Switch.Configure(net[2], new SwitchPortOptions { Isolated = i % 3 == 0 });
            net.Switch.SetMirror(i % 5 == 0 ? new SwitchMirror(net[2], null, null) : null);
            while (i == 0 && Volatile.Read(ref visits) == 0 && Stopwatch.GetElapsedTime(start) < s_limit)
            {
                // The senders may not have a processor yet.
                Thread.Yield();
            }

            net.Switch.Detach(visitor);
            Volatile.Write(ref outside, true);
        }

        await stop.CancelAsync();
        await Task.WhenAll(senders).WaitAsync(s_limit);
        Assert.Equal(0, wrong);
        Assert.True(visits > 0, "the visitor was never there while frames flowed");
    }

    [Fact]
    public async Task TheTableHoldsWhatItSaysUnderWriters()
    {
        using var table = new SwitchMacTable(512, 8);
        Task[] writers = [.. Enumerable.Range(0, 3).Select(port => Task.Factory.StartNew(() => WriteTable(table, port), TaskCreationOptions.LongRunning))];
        for (uint tick = 0; !Task.WhenAll(writers).IsCompleted; tick++)
        {
            // A shared address is somewhere; an own one is at its port or nowhere.
            for (ulong mac = 0; mac < 300; mac++)
            {
                int found = table.Find(1, 0x0200_0000_0000 + mac);
                Assert.True(found is >= -1 and < 3);
                for (int port = 0; port < 3; port++)
                {
                    found = table.Find(2, 0x0200_0000_1000 + ((ulong)port << 16) + mac);
                    Assert.True(found == -1 || found == port);
                }
            }

            table.Flush((int)(tick % 3), statics: false);
        }

        await Task.WhenAll(writers).WaitAsync(s_limit);
        List<SwitchMacEntry> entries = table.List(0, p => $"{p}");
        Assert.Equal(entries.Count, table.Count);
        Assert.Equal(entries.Count, entries.DistinctBy(e => (e.Vlan, e.Address)).Count());
        Assert.All(Enumerable.Range(0, 3), p => Assert.Equal(entries.Count(e => e.Port == $"{p}"), table.CountOf(p)));
    }

    private static void WriteTable(SwitchMacTable table, int port)
    {
        var random = new Random(port);
        for (int i = 0; i < 100_000; i++)
        {
            ulong mac = (ulong)random.Next(300);
            Assert.True(table.Learn(1, 0x0200_0000_0000 + mac, port, (uint)i / 1000, 400));
            Assert.True(table.Learn(2, 0x0200_0000_1000 + ((ulong)port << 16) + mac, port, (uint)i / 1000, 400));
        }
    }

    private static void SendUntil(FakePort port, int number, CancellationToken stop)
    {
        using var memory = new BurstMemory(1 << 16);
        for (int i = 0; i < 32; i++)
        {
            byte[] to = i % 4 == 0 ? Station(1 - number) : i % 4 == 1 ? Broadcast : Station(9, i);
            memory.Add(default, Frame(Station(number), to));
        }

        while (!stop.IsCancellationRequested)
        {
            Assert.Equal(32, port.Send(memory.Burst));
        }
    }
}
