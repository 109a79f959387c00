using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Datapath;

/// <summary>
/// Lets a polled transmit ring fill up a little while frames stream in, because two sides that look at the same cache lines all the time slow each other down.
/// The target doubles when a pause paid off and falls to a quarter when it did not, so that a sender who waits for its frames to come back isn't held up; a
/// frame after a quiet moment is never held back. Owned by the queue's thread.
/// </summary>
internal struct BurstPacer
{
    private const int TargetMax = ChainBurst.ChainsMax;
    private const int PausesMax = 12;
    private const int ProbeInterval = 64;

    private int _target = 1;
    private int _untilProbe = ProbeInterval;

    public BurstPacer()
    {
    }

    /// <summary>The burst that is waited for.</summary>
    public readonly int Target => _target;

    /// <summary>Forgets the stream: called when a look at the ring found nothing.</summary>
    public void Idle() => _target = 1;

    /// <summary>Waits, for less than the time that a few frames take, until the ring holds the target. The ring's lock is held.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Await(Virtqueue queue)
    {
        if (_target <= 1)
        {
            Probe();
            return;
        }

        for (int i = 0; i < PausesMax; i++)
        {
            if (queue.HasAtLeast(_target))
            {
                if (_target < TargetMax)
                {
                    _target *= 2;
                }

                return;
            }

            Pause();
        }

        _target = Math.Max(1, _target / 4);
    }

    private void Probe()
    {
        if (--_untilProbe <= 0)
        {
            _untilProbe = ProbeInterval;
            _target = 8;
        }
    }

    private static void Pause()
    {
        if (X86Base.IsSupported)
        {
            for (int i = 0; i < 8; i++)
            {
                X86Base.Pause();
            }
        }
        else
        {
            Thread.SpinWait(8);
        }
    }
}
