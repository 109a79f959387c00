using System.Globalization;
using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>When only the reserve of descriptors is left, nothing new is kept for a front end, and all that runs goes on.</summary>
[Collection(Alone.Name)]
public sealed class ReserveTests : IDisposable
{
    private const int Room = 60;
    private const int Reserve = 40;

    private readonly List<FileDescriptor> _taken = [];
    private readonly rlimit _before;

    public ReserveTests()
    {
        Assert.Equal(0, getrlimit(RLIMIT_NOFILE, ref _before));
        int highest = Directory.GetFileSystemEntries("/proc/self/fd").Max(p => int.Parse(Path.GetFileName(p), CultureInfo.InvariantCulture));
        var near = new rlimit { rlim_cur = (ulong)(highest + 1 + Room + Reserve), rlim_max = _before.rlim_max };
        Assert.Equal(0, setrlimit(RLIMIT_NOFILE, in near));
        DescriptorReserve.Configure(Reserve);
    }

    public void Dispose()
    {
        Free();
        Assert.Equal(0, setrlimit(RLIMIT_NOFILE, in _before));
        DescriptorReserve.Configure(DescriptorReserve.Default);
    }

    [Fact]
    public void ARunningGuestGoesOnAndMayReplaceWhatItHas()
    {
        using var guest = new GuestMemory();
        using var more = new GuestMemory(4096, 1 << 24);
        using var call = new EventNotifier();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        fixture.SetUpRing(0);
        fixture.Kick(0);
        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        Exhaust();

        fixture.Front.Refused(RequestCode.ADD_MEM_REG, more.SingleRegion, more.File.Value);

        // Other threads of the process give descriptors back at any time.
        Exhaust();
        fixture.Front.Refused(RequestCode.SET_VRING_ERR, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        Exhaust();
        fixture.Front.Refused(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(1, noFd: true)));
        Assert.Equal(3, fixture.Session.Quotas.ReserveRefused);
        Assert.Equal(3, fixture.Log.Lines.Count(l => l.Contains("descriptors.reserve", StringComparison.Ordinal)));
        Assert.True(DescriptorReserve.Refused >= 3);

        fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), call.Fd);
        fixture.Front.Tell(RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), guest.File.Value);
        new TestRing(guest, 0).Add(0, 0x8000, 64, write: true);
        _ = call.TestAndClear();
        Assert.Equal(1, TestRing.Serve(fixture.Device.Queues[0], ChainDirection.Writable));
        Assert.True(call.TestAndClear());
        Assert.False(fixture.Front.IsClosed());

        Free();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, more.SingleRegion, more.File.Value);
    }

    [Fact]
    public void HalfAMessageWithDescriptorsIsNotKept()
    {
        using var call = new EventNotifier();
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        Exhaust();
        fixture.Front.SendBytes(Wire.ToBytes(MessageHeader.ForRequest((uint)RequestCode.SET_VRING_CALL, 8)), call.Fd, call.Fd, call.Fd);
        Assert.True(fixture.Front.IsClosed());
        Assert.Contains(fixture.Log.Lines, l => l.Contains("half a message", StringComparison.Ordinal));
    }

    [Fact]
    public void ANewFrontEndIsTurnedAwayUntilThereIsRoom()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("vhostnet-test-");
        using var context = new AioContext(new AioContextOptions { Name = "test" });
        context.BindToCurrentThread();
        string path = Path.Combine(directory.FullName, "sock");
        var log = new RecordingLog();
        using var server = VhostUserEndpoint.Create(
            context, new RecordingDevice(), new VhostUserEndpointOptions { Path = path, Session = new SessionOptions { Log = log } });
        server.Start();
        Exhaust();
        using (RawFrontEnd refused = Connect(context, path))
        {
            Assert.True(refused.IsClosed());
        }

        Assert.Equal(0, server.SessionCount);
        Assert.Equal(1, server.Quotas.ReserveRefused);
        Assert.Contains(log.Lines, l => l.Contains("turned away", StringComparison.Ordinal) && l.Contains("descriptors.reserve", StringComparison.Ordinal));
        Free();
        using RawFrontEnd taken = Connect(context, path);
        Assert.NotEqual(0UL, taken.Ask<ulong>(RequestCode.GET_FEATURES));
        directory.Delete(recursive: true);
    }

    private static RawFrontEnd Connect(AioContext context, string path)
    {
        Assert.True(UnixConnector.TryConnect(path, out FileDescriptor socket, out Errno error), error.ToString());
        return new RawFrontEnd(context, socket);
    }

    private void Exhaust()
    {
        while (DescriptorReserve.HasRoom())
        {
            _taken.Add(FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd"));
        }
    }

    private void Free()
    {
        _taken.ForEach(d => d.Dispose());
        _taken.Clear();
    }
}
