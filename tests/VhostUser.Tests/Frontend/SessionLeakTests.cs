using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>What a session leaves in the process. It counts the whole process's descriptors, so no other test may run beside it.</summary>
[CollectionDefinition(nameof(SessionLeakTests), DisableParallelization = true)]
[Collection(nameof(SessionLeakTests))]
public sealed class SessionLeakTests
{
    [Fact]
    public void ManyCyclesLeaveNothingBehind()
    {
        using var harness = new SessionHarness();
        ProcessResources? before = null;
        for (int i = 0; i < 60; i++)
        {
            if (i == 10)
            {
                before = ProcessResources.Count();
            }

            using GuestMemory memory = SessionTests.Memory();
            using VhostUserFrontend frontend = harness.Open(memory, ulong.MaxValue & ~VirtioFeatures.LOG_ALL);
            using var rings = new EchoRings(frontend, memory);
            rings.Start();
            rings.Exchange(5);
            frontend.Dispose();
            Assert.True(harness.WaitForEnd(TimeSpan.FromSeconds(10)));
        }

        Assert.Equal(string.Empty, ProcessResources.Count().Compare(before!));
        SessionTests.Check(harness);
    }
}
