using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>The pacer before real rings, with a sender and a device that take virtual time.</summary>
public sealed class BurstPacerTests : IDisposable
{
    private const ulong Split = VirtioFeatures.VERSION_1;
    private const ulong Packed = VirtioFeatures.VERSION_1 | VirtioFeatures.RING_PACKED;

    /// <summary>Between two looks of the polling thread.</summary>
    private const long LookNs = 60;

    /// <summary>Longer than anything may be held.</summary>
    private const long PatienceNs = 1_000_000;

    private readonly IoThread _thread = new(new IoThreadOptions { Name = "pacer" });
    private readonly List<PacedRing> _rings = [];

    public void Dispose()
    {
        _rings.ForEach(r => r.Dispose());
        _thread.Dispose();
    }

    [Theory]
    [InlineData(Split, 1024, 256)]
    [InlineData(Split, 400, 200)]
    [InlineData(Split, 32, 16)]
    [InlineData(Packed, 1024, 64)]
    [InlineData(Packed, 100, 50)]
    [InlineData(Packed, 32, 16)]
    public void TheTargetSuitsWhatCirculates(ulong features, int inFlight, int target)
    {
        PacedRing ring = Ring(features);
        ring.Circulate(inFlight, frameNs: 100, bursts: 5000);
        Assert.InRange(ring.Target, target / 2, target);
    }

    [Theory]
    [InlineData(Split, 256)]
    [InlineData(Packed, 64)]
    public void FewerFramesInFlightThanBeforeLowerTheTarget(ulong features, int before)
    {
        PacedRing ring = Streaming(features, before);
        ring.Circulate(32, frameNs: 100, bursts: 200);
        Assert.InRange(ring.Target, 1, 16);
    }

    [Theory]
    [InlineData(Split)]
    [InlineData(Packed)]
    public void AStreamThatIsTooSlowToGainIsNotHeld(ulong features)
    {
        PacedRing ring = Ring(features);
        ring.Circulate(1024, frameNs: 2000, bursts: 20_000);
        Assert.Equal(1, ring.Target);
        Assert.True(ring.HeldMaxNs <= 16 * BurstPacer.SlowestFrameNs + LookNs, $"a frame was held for {ring.HeldMaxNs} ns");
    }

    [Theory]
    [InlineData(Split)]
    [InlineData(Packed)]
    public void AFrameThatGoesToAndFroAloneIsNeverHeld(ulong features)
    {
        PacedRing ring = Ring(features);
        ring.Circulate(1, frameNs: 100, bursts: 20_000);
        Assert.Equal(0, ring.HeldMaxNs);
    }

    [Theory]
    [InlineData(Split, 256)]
    [InlineData(Packed, 64)]
    public void TheEndOfAStreamIsHeldForOneQuietMomentAtMost(ulong features, int target)
    {
        PacedRing ring = Streaming(features, target);
        ring.Drain();
        ring.ForgetHeld();
        ring.Send(5);
        ring.RunUntilTaken();

        // And two looks, which come the later the more frames are waited for.
        Assert.InRange(ring.HeldMaxNs, 1, BurstPacer.QuietNs + 8000);
    }

    [Theory]
    [InlineData(Split, 256)]
    [InlineData(Packed, 64)]
    public void AFrameAfterAQuietMomentIsDueAtOnce(ulong features, int target)
    {
        PacedRing ring = Streaming(features, target);
        ring.Drain();
        ring.Pass(BurstPacer.QuietNs * 2);
        ring.ForgetHeld();
        ring.Send(1);
        ring.RunUntilTaken();
        Assert.Equal(0, ring.HeldMaxNs);
        Assert.Equal(target, ring.Target);
    }

    /// <summary>A ring through which many frames circulate, and whose target has settled.</summary>
    private PacedRing Streaming(ulong features, int target)
    {
        PacedRing ring = Ring(features);
        ring.Circulate(1024, frameNs: 100, bursts: 2000);
        Assert.Equal(target, ring.Target);
        return ring;
    }

    private PacedRing Ring(ulong features)
    {
        var ring = new PacedRing(new GuestRig("guest", features, _thread, ringSize: 1024));
        _rings.Add(ring);
        return ring;
    }

    private sealed class PacedRing(GuestRig rig) : IDisposable
    {
        private readonly ChainBurst _burst = new();
        private readonly UsedChain[] _used = new UsedChain[1024];
        private readonly ulong _buffer = rig.Memory.Allocate(2048);
        private BurstPacer _pacer = new((rig.Features & VirtioFeatures.RING_PACKED) != 0);
        private long _now = 1_000_000;
        private long _firstAt;

        public int Target => _pacer.Target;

        public long HeldMaxNs { get; private set; }

        public void Dispose()
        {
            _burst.Dispose();
            rig.Dispose();
        }

        /// <summary>The sender sends what it has, a frame each <paramref name="frameNs"/>, and has a frame again when it was taken.</summary>
        public void Circulate(int inFlight, long frameNs, int bursts)
        {
            long nextFrame = _now;
            for (int taken = 0; taken < bursts;)
            {
                while (nextFrame <= _now && rig.Tx.Outstanding < inFlight)
                {
                    Send(1);
                    nextFrame += frameNs;
                }

                nextFrame = Math.Max(nextFrame, _now);
                taken += Look() ? 1 : 0;
            }
        }

        public void Send(int frames)
        {
            for (int i = 0; i < frames; i++)
            {
                Assert.True(rig.Tx.Add([new GuestBuffer(_buffer, 76, Writable: false)]) >= 0);
            }

            rig.Tx.Publish();
        }

        public void RunUntilTaken()
        {
            long limit = _now + PatienceNs;
            while (!Look())
            {
                Assert.True(_now < limit, $"nothing was taken within {PatienceNs} ns");
            }
        }

        /// <summary>Takes all that is there, whatever the pacer thinks of it.</summary>
        public void Drain()
        {
            while (rig.TxDevice.HasAvailable)
            {
                Take();
            }
        }

        public void Pass(long nanoseconds)
        {
            long end = _now + nanoseconds;
            while (_now < end)
            {
                Assert.False(Look());
            }
        }

        public void ForgetHeld() => HeldMaxNs = 0;

        private bool Look()
        {
            _now += LookNs;
            bool available = rig.TxDevice.HasAvailable;
            if (available && _firstAt == 0)
            {
                _firstAt = _now;
            }

            bool due = _pacer.Waits ? _pacer.IsDue(rig.TxDevice, _now) : available;
            if (due)
            {
                Take();
            }

            return due;
        }

        private void Take()
        {
            HeldMaxNs = Math.Max(HeldMaxNs, _firstAt == 0 ? 0 : _now - _firstAt);
            _firstAt = 0;
            int count = rig.TxDevice.Peek(_burst, ChainBurst.ChainsMax, ChainDirection.Readable);
            rig.TxDevice.Complete(count);
            _pacer.Took(count);
            _now += 200 + (20 * count);
            _ = rig.Tx.CollectUsed(_used);
        }
    }
}
