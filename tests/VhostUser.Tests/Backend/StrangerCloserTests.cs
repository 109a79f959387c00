using System.Net;
using System.Net.Sockets;
using VhostNet.Aio;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>close(2) of a file that a front end sent can take as long as the front end likes, so the control thread does not make that call.</summary>
public sealed class StrangerCloserTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void test_regression_a_stray_descriptor_whose_close_waits_holds_nobody_up()
    {
        using var lingering = new LingeringSocket();
        using var guest = new GuestMemory();
        using var ended = new ManualResetEventSlim();
        var closer = new StrangerCloser();
        Exception? failure = null;
        var loop = new Thread(() =>
        {
            failure = Record.Exception(() => SendStray(closer, lingering, guest));
            ended.Set();
        });
        loop.IsBackground = true;
        loop.Start();
        bool inTime = ended.Wait(s_limit, TestContext.Current.CancellationToken);

        // The reader's end lets the close go on, here or there.
        int pending = closer.Pending;
        lingering.Dispose();
        Assert.True(inTime, "the control thread waited in close");
        Assert.Null(failure);
        Assert.Equal(1, pending);
        Assert.True(closer.Drain(s_limit));
        Assert.True(loop.Join(s_limit));
    }

    [Fact]
    public void AFrontEndWhoseFilesCantBeClosedWaitsAndGoesOnAfterwards()
    {
        using var lingering = new LingeringSocket();
        using var guest = new GuestMemory();
        var closer = new StrangerCloser();
        using var fixture = new SessionFixture(options: new SessionOptions { Closer = closer });
        fixture.Negotiate();
        fixture.Front.Send(RequestCode.REM_MEM_REG, guest.SingleRegion, [lingering.Fd]);
        lingering.CloseOurs();
        fixture.Front.ReceiveReply();
        for (int i = 1; i < StrangerCloser.BehindAt; i++)
        {
            Assert.False(closer.IsBehind);
            Assert.Equal(0, pipe2(out int reader, out int writer, O_CLOEXEC));
            fixture.Front.Tell(RequestCode.REM_MEM_REG, guest.SingleRegion, reader);
            Assert.Equal(0, close(reader));
            Assert.Equal(0, close(writer));
        }

        Assert.True(closer.IsBehind);
        fixture.Front.Send(RequestCode.SET_OWNER);
        fixture.Front.Settle();
        Span<byte> one = stackalloc byte[1];
        Assert.Equal(-1, recv(fixture.Front.Socket.Value, one, MSG_DONTWAIT));
        Assert.Contains(fixture.Log.Lines, l => l.Contains("can't be closed quickly", StringComparison.Ordinal));

        lingering.Dispose();
        Assert.True(closer.Drain(s_limit));
        Assert.Equal((uint)RequestCode.SET_OWNER, fixture.Front.ReceiveReply().Header.Request);
    }

    [Fact]
    public void FilesInMemoryAndEventFdsAreClosedAtOnce()
    {
        var closer = new StrangerCloser();
        using var guest = new GuestMemory();
        using var notifier = new EventNotifier();
        foreach (int fd in new[] { guest.File.Value, notifier.Fd })
        {
            int copy = fcntl(fd, F_DUPFD_CLOEXEC);
            closer.Own(copy).Dispose();
            Assert.Equal(0, closer.Pending);
            Assert.Equal(-1, fcntl(copy, F_GETFL));
        }
    }

    [Fact]
    public void ALargeMappingIsLetGoOfByTheClosersThread()
    {
        var closer = new StrangerCloser();
        using var guest = new GuestMemory(32 << 20);
        var region = MemoryRegion.Map(
            new MemoryRegionDescription(0, (ulong)guest.Size, GuestMemory.UserBase, 0), closer.Own(guest.File.Duplicate()), SealPolicy.Off, null, closer);
        int fd = region.File.Value;
        region.Release();
        Assert.True(closer.Drain(s_limit));
        Assert.Equal(-1, fcntl(fd, F_GETFL));
        Assert.True(region.File.IsClosed);
    }

    private static void SendStray(StrangerCloser closer, LingeringSocket lingering, GuestMemory guest)
    {
        using var fixture = new SessionFixture(options: new SessionOptions { Closer = closer });
        fixture.Negotiate();
        fixture.Front.Send(RequestCode.REM_MEM_REG, guest.SingleRegion, [lingering.Fd]);
        lingering.CloseOurs();
        fixture.Front.ReceiveReply();
        fixture.Front.Tell(RequestCode.SET_OWNER);
    }

    /// <summary>A TCP connection with unsent bytes that nobody reads, whose close waits for an hour.</summary>
    private sealed class LingeringSocket : IDisposable
    {
        private readonly Socket _sender;
        private readonly Socket _receiver;

        public LingeringSocket()
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(1);
            _sender = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _sender.Connect(listener.LocalEndPoint!);
            _receiver = listener.Accept();
            _sender.Blocking = false;
            byte[] bytes = new byte[65536];
            while (_sender.Send(bytes, SocketFlags.None, out SocketError error) >= 0 && error == SocketError.Success)
            {
            }

            _sender.LingerState = new LingerOption(true, 3600);

            // The runtime's own close would take the option back.
            Copy = new FileDescriptor(fcntl((int)_sender.SafeHandle.DangerousGetHandle(), F_DUPFD_CLOEXEC));
        }

        public int Fd => Copy.Value;

        private FileDescriptor Copy { get; }

        public void CloseOurs()
        {
            int fd = (int)_sender.SafeHandle.DangerousGetHandle();
            _sender.SafeHandle.SetHandleAsInvalid();
            _ = close(fd);
            Copy.Dispose();
        }

        public void Dispose()
        {
            if (_receiver.Connected)
            {
                _receiver.LingerState = new LingerOption(true, 0);
                _receiver.Dispose();
            }
        }
    }
}
