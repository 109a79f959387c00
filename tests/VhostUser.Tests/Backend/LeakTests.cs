using VhostNet.Aio;
using VhostNet.Aio.Monitors;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Nothing that a front end does leaves a descriptor or a mapping behind. These count what the process has, so they run alone.</summary>
[Collection(Alone.Name)]
public sealed class LeakTests
{
    [Fact]
    public void AThousandSessionsLeaveNothingBehind()
    {
        RunSession();
        LeakCount count = LeakCount.Start();
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < 1000; i++)
        {
            RunSession();
        }

        count.AssertNothingWasLeft();
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - memory, long.MinValue, 1_000_000);
    }

    [Fact]
    public void AThousandFrontEndsOfOneServerLeaveNothingBehind()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("vhostnet-test-");
        using var context = new AioContext(new AioContextOptions { Name = "test", FdMonitor = FdMonitorKind.Epoll });
        context.BindToCurrentThread();
        string path = Path.Combine(directory.FullName, "sock");
        var device = new RecordingDevice();
        using VhostUserEndpoint server = VhostUserEndpoint.Create(context, device, new VhostUserEndpointOptions { Path = path, ConnectionsPerSecond = 1_000_000 });
        server.Start();
        ServeOne(context, path);
        LeakCount count = LeakCount.Start();
        for (int i = 0; i < 1000; i++)
        {
            ServeOne(context, path);
            device.Calls.Clear();
            device.Requests.Clear();
        }

        count.AssertNothingWasLeft();
        Assert.Equal(1001, server.SessionCount);
        Assert.Null(server.CurrentSession);
        server.Dispose();
        directory.Delete(recursive: true);
    }

    [Fact]
    public void AConnectionMayBeCutInTheMiddleOfAnyMessage()
    {
        using var guest = new GuestMemory();
        using var log = new GuestMemory();
        LeakCount count = LeakCount.Start();
        foreach ((RequestCode request, byte[] payload, int[] fds) in Samples(guest, log))
        {
            int whole = MessageHeader.Size + payload.Length;
            for (int cut = 0; cut <= whole; cut++)
            {
                using var fixture = new SessionFixture(options: new SessionOptions { AllowedProtocolFeatures = ~ProtocolFeatures.GPA_ADDRESSES });
                fixture.Negotiate();
                fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
                fixture.SetUpRing(0);
                fixture.Kick(0);
                byte[] bytes = new byte[whole];
                Wire.Write(bytes, MessageHeader.ForRequest((uint)request, payload.Length));
                payload.CopyTo(bytes.AsSpan(MessageHeader.Size));
                if (cut > 0)
                {
                    fixture.Front.SendBytes(bytes.AsSpan(0, cut), fds);
                }

                fixture.Front.Settle();
                fixture.Front.Dispose();
                fixture.Front.Settle();
                Assert.True(fixture.Session.IsEnded, $"{request} cut after {cut} bytes");
                Assert.Empty(fixture.Device.Running);
            }
        }

        count.AssertNothingWasLeft();
    }

    [Fact]
    public void EveryMessageWithEveryNumberOfDescriptorsClosesThem()
    {
        using var guest = new GuestMemory();
        using var log = new GuestMemory();
        LeakCount leaks = LeakCount.Start();
        foreach ((RequestCode request, byte[] payload, _) in Samples(guest, log))
        {
            for (int count = 0; count <= 9; count++)
            {
                using var notifier = new EventNotifier();
                using var fixture = new SessionFixture(options: new SessionOptions { AllowedProtocolFeatures = ~ProtocolFeatures.GPA_ADDRESSES });
                fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM);
                fixture.Front.Send(request, payload, Enumerable.Repeat(notifier.Fd, count).ToArray());
                fixture.Front.Settle();
            }
        }

        leaks.AssertNothingWasLeft();
    }

    private static void ServeOne(AioContext context, string path)
    {
        Assert.True(UnixConnector.TryConnect(path, out FileDescriptor socket, out _));
        using var front = new RawFrontEnd(context, socket);
        front.Ask<ulong>(RequestCode.GET_FEATURES);
        ulong offered = front.Ask<ulong>(RequestCode.GET_PROTOCOL_FEATURES);
        front.Tell(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(offered));
        front.AskAcknowledgement = true;
        front.Tell(RequestCode.SET_OWNER);
        front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures));
        front.Dispose();
        front.Settle();
    }

    private static void RunSession()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        using var call = new EventNotifier();
        fixture.Negotiate();
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        for (int ring = 0; ring < 2; ring++)
        {
            fixture.SetUpRing(ring);
            fixture.Front.Tell(RequestCode.SET_VRING_CALL, RawFrontEnd.Bytes(SessionFixture.FdPayload(ring)), call.Fd);
            fixture.Kick(ring);
            fixture.Enable(ring);
        }
    }

    private static IEnumerable<(RequestCode Request, byte[] Payload, int[] Fds)> Samples(GuestMemory guest, GuestMemory log)
    {
        int file = guest.File.Value;
        int other = log.File.Value;
        yield return (RequestCode.SET_MEM_TABLE, GuestMemory.Table(guest), [file]);
        yield return (RequestCode.ADD_MEM_REG, log.SingleRegion, [file]);
        yield return (RequestCode.REM_MEM_REG, guest.SingleRegion, [file]);
        yield return (RequestCode.SET_LOG_BASE, Wire.ToBytes(new LogPayload(4096, 0)), [other]);
        yield return (RequestCode.SET_LOG_FD, [], [other]);
        yield return (RequestCode.SET_VRING_KICK, Wire.ToBytes(0UL), [other]);
        yield return (RequestCode.SET_VRING_CALL, Wire.ToBytes(0UL), [other]);
        yield return (RequestCode.SET_VRING_ERR, Wire.ToBytes(0UL), [other]);
        yield return (RequestCode.SET_BACKEND_REQ_FD, [], [other]);
        yield return (RequestCode.SET_INFLIGHT_FD, Wire.ToBytes(new InflightPayload(1 << 16, 0, 2, 256)), [other]);
        yield return (RequestCode.GET_INFLIGHT_FD, Wire.ToBytes(new InflightPayload(0, 0, 2, 256)), []);
        yield return (RequestCode.SET_DEVICE_STATE_FD, Wire.ToBytes(new DeviceStatePayload(0, 0)), [other]);
        yield return (RequestCode.IOTLB_MSG, Wire.ToBytes(new IotlbPayload(0, 4096, GuestMemory.UserBase, 3, IotlbPayload.Update)), []);
        yield return (RequestCode.SET_VRING_ADDR, Wire.ToBytes(SessionFixture.Address(0)), []);
        yield return (RequestCode.POSTCOPY_ADVISE, [], []);
        yield return (RequestCode.GET_CONFIG, [.. Wire.ToBytes(new ConfigHeader(0, 4, 0)), 0, 0, 0, 0], []);
    }
}
