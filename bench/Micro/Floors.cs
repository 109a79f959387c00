using System.Runtime.Intrinsics.X86;
using VhostNet.Aio;

namespace VhostNet.Micro;

/// <summary>What the machine takes for the two things that no event loop can do without; everything else is printed as a multiple of them.</summary>
/// <param name="BarrierNs">Interlocked.MemoryBarrier, which is a locked instruction on x86.</param>
/// <param name="FenceNs">The mfence instruction, for comparison; NaN elsewhere.</param>
/// <param name="EventfdWriteNs">One write of an eventfd.</param>
internal sealed record Floors(double BarrierNs, double FenceNs, double EventfdWriteNs)
{
    public static Floors Measure(Meter meter)
    {
        double barrier = meter.Measure(static n =>
        {
            for (int i = 0; i < n; i++)
            {
                Interlocked.MemoryBarrier();
            }
        }).Ns;
        double fence = Sse2.IsSupported
            ? meter.Measure(static n =>
            {
                for (int i = 0; i < n; i++)
                {
                    Sse2.MemoryFence();
                }
            }).Ns
            : double.NaN;
        using var notifier = new EventNotifier();
        double write = meter.Measure(n =>
        {
            for (int i = 0; i < n; i++)
            {
                notifier.Set();
            }
        }).Ns;
        return new Floors(barrier, fence, write);
    }
}
