using VhostNet.Aio;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A ring that a device can't start is nobody's: not the session's, not the device's, and its memory is given back. The others go on.</summary>
public sealed class StartFailureTests : IDisposable
{
    private readonly GuestMemory _guest = new();
    private readonly SessionFixture _fixture = new();
    private readonly List<Virtqueue> _offered = [];

    public static TheoryData<string> Faults() => ["no descriptor", "the thread ended", "the context is gone", "a mistake"];

    public void Dispose()
    {
        _fixture.Dispose();
        _guest.Dispose();
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void AStartThatFailsLeavesNothing(string fault)
    {
        SetUp();
        FailFor(0, fault);
        _fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0, noFd: true)));
        AssertNobodyHas(0);
        _fixture.Kick(1);
        Assert.Equal([1], _fixture.Device.Running);

        // Whatever comes next touches a living ring only.
        _fixture.Enable(0, false);
        using var call = new EventNotifier();
        _fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        Assert.All(_offered, q => Assert.Equal(0, q.Counters.UsesAfterDispose));
        AssertStartsAgain(0);
    }

    /// <summary>A running ring gets another kick, and the device can't go on with it: it is stopped where it stood.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    public void ARestartThatFailsStopsTheRingWhereItStood(string fault)
    {
        SetUp();
        _fixture.Kick(0);
        new TestRing(_guest, 0).Add(0, 0x8_0000, 64, write: false);
        Assert.Equal(1, TestRing.Serve(_fixture.Device.Queues[0], ChainDirection.Readable));
        FailFor(0, fault);
        using var kick = new EventNotifier();
        _fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), kick.Fd);
        AssertNobodyHas(0);
        Assert.Equal(1u, _fixture.Session.State.Rings[0].Base);
        AssertStartsAgain(0);
    }

    /// <summary>The ring can't even be built.</summary>
    [Fact]
    public void ARingThatCanNotBeMadeIsRefused()
    {
        using var fixture = new SessionFixture(options: new SessionOptions { CreateVirtqueue = (_, _) => throw new ArgumentException("the test's") });
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(_guest), _guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0, noFd: true)));
        Assert.Null(fixture.Session.State.Rings[0].Queue);
        Assert.False(fixture.Session.IsEnded);
    }

    /// <summary>A device that fails while it stops a ring may still have it: it is inert before its memory goes, and the others are stopped as well.</summary>
    [Fact]
    public void AStopThatFailsLeavesAnInertRing()
    {
        SetUp();
        _fixture.Kick(0);
        _fixture.Kick(1);
        _fixture.Device.OnStop = queue =>
        {
            if (queue.Index == 0)
            {
                throw new InvalidOperationException("the test's");
            }
        };
        Assert.Throws<InvalidOperationException>(_fixture.Session.Dispose);
        Assert.All(_offered, q => Assert.True(q.IsDisposed));
        Assert.All(_fixture.Session.State.Rings, r => Assert.Null(r.Queue));
        Assert.Equal([0], _fixture.Device.Running);
    }

    private void SetUp()
    {
        _fixture.Negotiate();
        _fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(_guest), _guest.File.Value);
        _fixture.SetUpRing(0);
        _fixture.SetUpRing(1);
        _fixture.Device.OnStart = _offered.Add;
    }

    private void FailFor(int index, string fault) => _fixture.Device.OnStart = queue =>
    {
        _offered.Add(queue);
        if (queue.Index == index)
        {
            throw fault switch
            {
                "no descriptor" => new ErrnoException("eventfd", new Errno(EMFILE)),
                "the thread ended" => new InvalidOperationException(fault),
                "the context is gone" => new ObjectDisposedException(fault),
                _ => new NotSupportedException(fault),
            };
        }
    };

    private void AssertNobodyHas(int index)
    {
        Assert.DoesNotContain(index, _fixture.Device.Running);
        RingState ring = _fixture.Session.State.Rings[index];
        Assert.True(ring is { Queue: null, Kick: null, IsStarted: false });
        Assert.True(_offered[^1].IsDisposed);
        Assert.False(_fixture.Session.IsEnded);
    }

    private void AssertStartsAgain(int index)
    {
        _fixture.Device.OnStart = null;
        _fixture.Kick(index);
        Assert.Contains(index, _fixture.Device.Running);
        Assert.False(_fixture.Device.Queues[index].IsDisposed);
    }
}
