using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Virtqueues;

public sealed class CacheDemotionTests
{
    [Fact]
    public void ItIsThereWhereTheKernelSaysSo()
    {
        bool has = File.ReadLines("/proc/cpuinfo").Any(l => l.StartsWith("flags", StringComparison.Ordinal) && l.Split(' ').Contains("cldemote"));
        Assert.Equal(has, CacheDemotion.IsSupported);
    }

    /// <summary>A hint: it writes nothing, and addresses that nobody has do no harm. All chains are gone through, in any number.</summary>
    [Fact]
    public unsafe void ItChangesNothing()
    {
        byte[] memory = new byte[4096];
        new Random(1).NextBytes(memory);
        byte[] before = [.. memory];
        using var burst = new ChainBurst();
        fixed (byte* at = memory)
        {
            for (int i = 0; i < ChainBurst.ChainsMax; i++)
            {
                burst.SetSingle(i, i % 7 == 0 ? i : (nint)at + (i * 15), 10);
            }

            for (int count = 0; count <= ChainBurst.ChainsMax; count++)
            {
                CacheDemotion.Beginnings(burst.Chains, count);
            }
        }

        Assert.Equal(before, memory);
    }
}
