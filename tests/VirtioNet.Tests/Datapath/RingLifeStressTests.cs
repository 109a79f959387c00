using VhostNet.Aio;
using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>
/// What ended the process within seconds: a front end connects, sets up a transmit ring of 32,768 heads that its guest keeps full, and goes away in the middle of
/// it, over and over. Freed memory is fenced, so that one use of it after its end ends this process.
/// </summary>
[Collection(Alone.Name)]
public sealed class RingLifeStressTests
{
    private const int Rounds = 60;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void AFullRingIsSetUpAndClosedOverAndOver(PollPolicy policy)
    {
        using FencedRingAllocator fences = FencedRingAllocator.Install();
        Exception? failure = null;
        using var control = new IoThread(new IoThreadOptions { Name = "control", Policy = PollPolicy.Interrupt, UnhandledException = e => failure ??= e });
        using var data = new IoThread(new IoThreadOptions { Name = "data", Policy = policy, UnhandledException = e => failure ??= e });
        control.Start();
        data.Start();
        using var port = new VhostUserPort("attacker", new VirtioNetOptions(), [data]);
        using var ring = new FullRing();
        int live = fences.Live;
        for (int round = 0; round < Rounds && failure is null; round++)
        {
            using var ended = new ManualResetEventSlim();
            (FileDescriptor ours, FileDescriptor theirs) = SocketPair.Create();
            control.Run(() =>
            {
                var session = new VhostUserSession(control.Context, theirs, port.Device, "attacker", new SessionOptions());
                session.Ended += _ => ended.Set();
                session.Start();
            });
            RingView? view = null;
            using (var frontend = new VhostUserFrontend(ours, new FrontendOptions { Features = FullRing.Features }))
            {
                frontend.Negotiate();
                frontend.ShareMemory(ring.Memory);
                frontend.StartQueue(ring.Queue);
                Assert.True(SpinWait.SpinUntil(() => (view ??= port.Pairs[0].Tx.Ring)?.Counters.Chains > 0, s_patience), $"round {round}: nothing was taken");
            }

            Assert.True(ended.Wait(s_patience), $"round {round}: the session does not end");
            Assert.Null(port.Pairs[0].Tx.Ring);
            Assert.Equal(0, view!.Counters.UsesAfterDispose);
        }

        Assert.Null(failure);
        Assert.Equal(live, fences.Live);
    }

    /// <summary>A split ring whose avail index a thread keeps a whole ring ahead of the used index, each head a small frame.</summary>
    private sealed unsafe class FullRing : IDisposable
    {
        public const ulong Features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES;
        private const int Size = 32768;
        private readonly Thread _thread;
        private volatile bool _stop;

        public FullRing()
        {
            Queue = DriverQueue.Create(Memory, new DriverQueueOptions { Index = 1, Size = Size, Features = Features });
            ulong frame = Memory.Allocate(4096);
            var descriptors = (SplitDescriptor*)Memory.HostAddress(Queue.DescriptorAddress);
            ushort* avail = (ushort*)Memory.HostAddress(Queue.DriverAddress);
            for (int i = 0; i < Size; i++)
            {
                descriptors[i] = new SplitDescriptor { addr = frame, len = 76 };
                avail[2 + i] = (ushort)i;
            }

            _thread = new Thread(KeepFull) { Name = "guest" };
            _thread.Start();
        }

        public GuestMemory Memory { get; } = GuestMemory.Create(16 << 20, 0x1_0000_0000);

        public DriverQueue Queue { get; }

        public void Dispose()
        {
            _stop = true;
            _thread.Join();
            Queue.Dispose();
            Memory.Dispose();
        }

        private void KeepFull()
        {
            ushort* availIndex = (ushort*)Memory.HostAddress(Queue.DriverAddress) + 1;
            ushort* usedIndex = (ushort*)Memory.HostAddress(Queue.DeviceAddress) + 1;
            while (!_stop)
            {
                Volatile.Write(ref *availIndex, (ushort)(Volatile.Read(ref *usedIndex) + Size));
                Queue.KickNow();
                Thread.Yield();
            }
        }
    }
}
