using System.Runtime.CompilerServices;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Tests.Datapath;

public sealed class DropCountersTests
{
    /// <summary>A reason without a counter would end the data thread that first drops a frame for it.</summary>
    [Fact]
    public void EachReasonHasItsCounter()
    {
        var counters = default(FrameCounters);
        foreach (DropReason reason in Enum.GetValues<DropReason>())
        {
            counters.Drop(reason, 1 + (int)reason);
        }

        Assert.All(Enum.GetValues<DropReason>(), r => Assert.Equal(1 + (int)r, counters.Drops[(int)r]));
        Assert.Equal(0, Unsafe.SizeOf<FrameCounters>() % 64);
    }
}
