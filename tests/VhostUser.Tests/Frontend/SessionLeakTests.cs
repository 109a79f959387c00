using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.Messages;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>What a session leaves in the process. It counts the whole process's descriptors, so no other test may run beside it.</summary>
[CollectionDefinition(nameof(SessionLeakTests), DisableParallelization = true)]
[Collection(nameof(SessionLeakTests))]
public sealed class SessionLeakTests
{
    /// <summary>Until the compiler has made its last version of what a session runs, which takes memory of its own.</summary>
    private const int Warmup = 1500;
    private const int Cycles = 1000;

    /// <summary>The runtime's own heaps breathe by this much; what a session leaves, if only a page, would be as much after the cycles.</summary>
    private const long AnonymousSlack = 4 << 20;

    [Fact]
    public void AThousandCyclesWithTrafficLeaveNothingBehind()
    {
        using var harness = new SessionHarness();
        ProcessResources? before = null;
        long anonymous = 0;
        long forgotten = 0;
        for (int i = 0; i < Warmup + Cycles; i++)
        {
            if (i == Warmup)
            {
                Assert.True(SharingWatch.Probe.Drain(TimeSpan.FromSeconds(30)));

                // First what tests before this one left to the finalizers has to go; what is counted at the end is counted without that help.
                anonymous = AnonymousBytes();
                before = ProcessResources.Count();
                forgotten = ForgottenHandles.Count;
            }

            using GuestMemory memory = SessionTests.Memory();
            using VhostUserFrontend frontend = harness.Open(memory, ulong.MaxValue & ~VirtioFeatures.LOG_ALL);
            using var rings = new EchoRings(frontend, memory);
            rings.Start();
            rings.Exchange(5);
            frontend.Dispose();
            Assert.True(harness.WaitForEnd(TimeSpan.FromSeconds(10)));

            // What the harness itself keeps is no leak of the session's.
            SessionTests.Check(harness);
            harness.Log.Clear();
            harness.Device.Requests.Clear();
        }

        Assert.True(SharingWatch.Probe.Drain(TimeSpan.FromSeconds(30)));
        Assert.Equal(string.Empty, WhatIsLeft(before!));
        Assert.InRange(AnonymousBytes() - anonymous, long.MinValue, AnonymousSlack);

        // Neither during the cycles nor just now was there anything for a finalizer to give back.
        Assert.Equal(0, ForgottenHandles.Count - forgotten);
    }

    /// <summary>
    /// What is held more or less than before. A thread that the runtime is just starting has one end of its pipe for a moment; what a session has left stays until a finalizer
    /// comes, which is counted.
    /// </summary>
    private static string WhatIsLeft(ProcessResources before)
    {
        string left = ProcessResources.Count().Compare(before);
        for (int looks = 0; left.Length > 0 && looks < 1000; looks++)
        {
            Thread.Yield();
            left = ProcessResources.Count().Compare(before);
        }

        return left;
    }

    /// <summary>The process's private memory, after what is garbage has gone.</summary>
    private static long AnonymousBytes()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        string line = File.ReadLines("/proc/self/status").Single(l => l.StartsWith("RssAnon:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) * 1024;
    }
}
