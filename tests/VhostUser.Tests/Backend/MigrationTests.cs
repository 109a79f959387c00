using VhostNet.Aio;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>The dirty log and the transfer of the device's state, as a front end drives them.</summary>
public sealed class MigrationTests : IDisposable
{
    private readonly GuestMemory _guest = new();
    private readonly GuestMemory _log = new(8192);
    private readonly SessionFixture _fixture = new();
    private readonly TestRing _ring;

    public MigrationTests()
    {
        _ring = new TestRing(_guest, 0);
        _fixture.Negotiate();
        _fixture.Front.Tell(RequestCode.ADD_MEM_REG, _guest.SingleRegion, _guest.File.Value);
        _fixture.SetUpRing(0);
        _fixture.Kick(0);
    }

    private Virtqueue Queue => _fixture.Device.Queues[0];

    public void Dispose()
    {
        _fixture.Dispose();
        _guest.Dispose();
        _log.Dispose();
    }

    [Fact]
    public void WritesAreMarkedFromLogAllOnAndNoLonger()
    {
        _ring.Add(0, 0x2_0000, 0x3000, write: true);
        TestRing.Serve(Queue, ChainDirection.Writable, 0x3000);
        Assert.Equal(0UL, _fixture.Front.Ask<ulong>(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(4096, 0)), _log.File.Value));
        _ring.Add(1, 0x2_0000, 0x3000, write: true);
        TestRing.Serve(Queue, ChainDirection.Writable, 0x3000);
        Assert.Empty(DirtyPages());

        // LOG_ALL comes while the ring runs, then the ring's own flag.
        _fixture.Front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.LOG_ALL));
        _ring.Add(2, 0x2_0800, 0x2000, write: true);
        TestRing.Serve(Queue, ChainDirection.Writable, 0x1001);
        Assert.Equal([0x20, 0x21], DirtyPages());
        _fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0, VringAddress.LogFlag, 0x30_2000)));
        _ring.Add(3, 0x5_0000, 100, write: true);
        TestRing.Serve(Queue, ChainDirection.Writable, 100);
        Assert.Equal([0x50, 0x302], DirtyPages());

        _fixture.Front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures));
        _ring.Add(4, 0x5_0000, 100, write: true);
        TestRing.Serve(Queue, ChainDirection.Writable, 100);
        Assert.Empty(DirtyPages());
    }

    [Fact]
    public void ALogIsReplacedUnderARunningRing()
    {
        StartLogging();
        using var second = new GuestMemory(8192);
        _fixture.Front.Ask<ulong>(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(4096, 4096)), second.File.Value);
        _ring.Add(0, 0x1_0000, 10, write: true);
        TestRing.Serve(Queue, ChainDirection.Writable, 10);
        Assert.Empty(DirtyPages());
        Assert.Equal(1, second.Mapping.AsSpan()[4096 + 2]);
    }

    [Fact]
    public void TheLogsNotifierIsSetWhenItChanged()
    {
        using var notifier = new EventNotifier();
        StartLogging();
        _fixture.Front.Tell(RequestCode.SET_LOG_FD, default, notifier.Fd);
        _ring.Add(0, 0x1_0000, 10, write: true);
        TestRing.Serve(Queue, ChainDirection.Writable, 10);
        Assert.True(notifier.TestAndClear());
    }

    [Fact]
    public void test_regression_cve_2020_10722_a_ring_log_address_outside_the_log_is_refused()
    {
        StartLogging();
        foreach (ulong address in new[] { 4096UL * 8 * 4096, (4096UL * 8 * 4096) - 100, ulong.MaxValue, ulong.MaxValue - 1000 })
        {
            _fixture.Front.Refused(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0, VringAddress.LogFlag, address)));
        }
    }

    [Fact]
    public void LogAllIsRefusedWhileARingsLogAddressDoesNotFitTheLog()
    {
        // Without LOG_ALL the address is not in use, so it may be anything.
        _fixture.Front.Ask<ulong>(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(16, 0)), _log.File.Value);
        _fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0, VringAddress.LogFlag, 1 << 30)));
        _fixture.Front.Refused(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.LOG_ALL));
        Assert.Equal([0], _fixture.Device.Running);
        Assert.Equal(SessionFixture.SplitFeatures, _fixture.Session.Features);
    }

    [Fact]
    public void ABadLogIsRefusedAndEndsTheConnectionOfAFrontEndThatDidNotAsk()
    {
        _fixture.Front.Refused(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(1 << 20, 0)), _log.File.Value);
        _fixture.Front.AskAcknowledgement = false;
        _fixture.Front.Fatal(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(1 << 20, 0)), _log.File.Value);
        Assert.Contains(_fixture.Log.Lines, l => l.Contains("dirty log of 1048576 bytes", StringComparison.Ordinal));
    }

    [Fact]
    public void TheDeviceSavesItsStateIntoAPipe()
    {
        _fixture.Device.State = [.. Enumerable.Range(0, 200_000).Select(i => (byte)i)];
        Assert.Equal(0, pipe2(out int read, out int write, O_CLOEXEC));
        using var reader = new FileDescriptor(read);
        using (var writer = new FileDescriptor(write))
        {
            // Not while rings run.
            Assert.Equal(0x101UL, SetState(DeviceStatePayload.Save, writer));
            _fixture.GetBase(0);
            Assert.Equal(0x100UL, SetState(DeviceStatePayload.Save, writer));
        }

        var received = new List<byte>();
        byte[] buffer = new byte[10_000];
        nint count;
        while ((count = ReadStep(reader, buffer)) > 0)
        {
            received.AddRange(buffer.AsSpan(0, (int)count));
        }

        Assert.Equal(_fixture.Device.State, received);
        Assert.Equal(0UL, _fixture.Front.Ask<ulong>(RequestCode.CHECK_DEVICE_STATE));
        Assert.Equal(1UL, _fixture.Front.Ask<ulong>(RequestCode.CHECK_DEVICE_STATE));
    }

    [Theory]
    [InlineData(true, true, 0UL)]
    [InlineData(true, false, 1UL)]
    [InlineData(false, true, 1UL)]
    public void TheDeviceLoadsItsStateFromAPipe(bool closed, bool understood, ulong verdict)
    {
        _fixture.GetBase(0);
        _fixture.Device.Accepts = understood;
        Assert.Equal(0, pipe2(out int read, out int write, O_CLOEXEC));
        using var writer = new FileDescriptor(write);
        using (var reader = new FileDescriptor(read))
        {
            Assert.Equal(0x100UL, SetState(DeviceStatePayload.Load, reader));
        }

        Assert.Equal(5, LibC.LibC.write(writer.Value, "hello"u8));
        if (closed)
        {
            writer.Dispose();
        }

        // The end may be seen by this message before the loop has looked at the pipe.
        Assert.Equal(verdict, _fixture.Front.Ask<ulong>(RequestCode.CHECK_DEVICE_STATE));
        Assert.Equal(verdict == 0, "hello"u8.SequenceEqual(_fixture.Device.State));
    }

    [Fact]
    public void AStateDescriptorThatCouldBlockIsRefused()
    {
        _fixture.GetBase(0);
        Assert.Equal(0x101UL, SetState(DeviceStatePayload.Save, _log.File));
        using var notifier = new EventNotifier();
        using var duplicate = new FileDescriptor(fcntl(notifier.Fd, F_DUPFD_CLOEXEC));
        Assert.Equal(0x101UL, SetState(DeviceStatePayload.Load, duplicate));
    }

    private ulong SetState(uint direction, FileDescriptor pipe) =>
        _fixture.Front.Ask<ulong>(RequestCode.SET_DEVICE_STATE_FD, RawFrontEnd.Bytes(new DeviceStatePayload(direction, 0)), pipe.Value);

    private nint ReadStep(FileDescriptor reader, byte[] buffer)
    {
        _fixture.Front.Settle();
        return read(reader.Value, buffer);
    }

    private void StartLogging()
    {
        _fixture.Front.Ask<ulong>(RequestCode.SET_LOG_BASE, RawFrontEnd.Bytes(new LogPayload(4096, 0)), _log.File.Value);
        _fixture.Front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures | VirtioFeatures.LOG_ALL));
    }

    /// <summary>Takes the dirty pages out of the log.</summary>
    private List<int> DirtyPages()
    {
        var pages = new List<int>();
        Span<byte> log = _log.Mapping.AsSpan();
        for (int page = 0; page < log.Length * 8; page++)
        {
            if ((log[page / 8] >> (page % 8) & 1) != 0)
            {
                pages.Add(page);
            }
        }

        log.Clear();
        return pages;
    }
}
