using VhostNet.TestKit;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>What a session can do besides moving buffers, done by our front end while buffers move.</summary>
public sealed class LiveSessionTests
{
    private const ulong Base = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    public static TheoryData<string> Layouts => ["plain", "packed", "event+indirect", "packed+event+indirect+inorder"];

    [Theory]
    [MemberData(nameof(Layouts))]
    public void AMigrationSeesEveryPageThatChanged(string combination)
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = SessionTests.Memory();
        using VhostUserFrontend frontend = harness.Open(memory, Base | RingFeatures.Parse(combination));
        using var rings = new EchoRings(frontend, memory, 32);
        rings.Start();
        rings.Exchange(20);
        using MigrationLog log = MigrationLog.Create(memory.EndOfMemory);
        frontend.StartLogging(log);
        for (int pass = 0; pass < 20; pass++)
        {
            Dictionary<ulong, byte[]> before = Pages(memory);
            log.TakeDirtyPages();
            rings.Exchange(10);

            // The front end's own writes (posting, sending) are its own to log; what is left must be the back end's.
            HashSet<ulong> own = [.. OwnPages(rings, memory)];
            HashSet<ulong> dirty = [.. log.TakeDirtyPages()];
            foreach ((ulong page, byte[] content) in Pages(memory))
            {
                if (!content.AsSpan().SequenceEqual(before[page]) && !own.Contains(page))
                {
                    Assert.Contains(page, dirty);
                }
            }

            Assert.Contains(rings.ReceiveArea & ~4095UL, dirty);
            Assert.Contains(rings.Receive.DeviceAddress & ~4095UL, dirty);
            Assert.DoesNotContain(memory.EndOfMemory - 4096, dirty);
        }

        frontend.StopLogging();
        log.TakeDirtyPages();
        rings.Exchange(20);
        Assert.Empty(log.TakeDirtyPages());
        SessionTests.Check(harness);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void BehindAnIommuMissesAreAnsweredWhileBuffersMove(string combination)
    {
        ulong features = Base | RingFeatures.Parse(combination) | VirtioFeatures.ACCESS_PLATFORM;
        using var harness = new SessionHarness(new EchoDevice { Features = features | VirtioFeatures.EVENT_IDX });
        using GuestMemory memory = SessionTests.Memory();
        using VhostUserFrontend frontend = harness.Connect(new FrontendOptions { Features = features });
        frontend.Negotiate();
        int misses = 0;
        frontend.OpenBackendRequests(request =>
        {
            IotlbPayload miss = Wire.Read<IotlbPayload>(request.Payload);
            ulong page = miss.IoAddress & ~4095UL;
            Interlocked.Increment(ref misses);
            return frontend.Iotlb(new IotlbPayload(page, 4096, memory.UserAddress(page), 3, IotlbPayload.Update));
        });
        frontend.ShareMemory(memory);
        using var rings = new EchoRings(frontend, memory, 32);
        rings.Start();
        rings.Exchange(100);
        int after = Volatile.Read(ref misses);
        Assert.True(after > 10, $"only {after} pages were asked for");
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(0UL, frontend.Iotlb(new IotlbPayload(rings.ReceiveArea & ~4095UL, 65536, 0, 0, IotlbPayload.Invalidate)));
            rings.Exchange(20);
        }

        Assert.True(Volatile.Read(ref misses) > after);
        SessionTests.Check(harness);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void KicksAndCallsGoInBand(string combination)
    {
        using var harness = new SessionHarness(options: new SessionOptions { AllowedProtocolFeatures = SessionOptions.ImplementedProtocolFeatures });
        using GuestMemory memory = SessionTests.Memory();
        using VhostUserFrontend frontend = harness.Open(
            memory, Base | RingFeatures.Parse(combination), new FrontendOptions { ProtocolFeatures = ~(ProtocolFeatures.GPA_ADDRESSES | ProtocolFeatures.PAGEFAULT) });
        var queues = new Dictionary<uint, DriverQueue>();
        frontend.OpenBackendRequests(request =>
        {
            Assert.Equal((uint)BackendRequestCode.VRING_CALL, request.Header.Request);
            DriverQueue queue = queues[Wire.Read<VringState>(request.Payload).Index];
            return write(queue.Call.Value, 1UL) == 8 ? 0UL : 1;
        });
        using var rings = new EchoRings(frontend, memory, 32);
        queues.Add(0, rings.Receive);
        queues.Add(1, rings.Transmit);
        rings.Start();
        rings.Exchange(300);
        Assert.True(rings.Transmit.Kicks > 0);
        rings.Stop();
        SessionTests.Check(harness);
    }

    [Fact]
    public void RingAddressesMayBeGuestPhysical()
    {
        using var harness = new SessionHarness(options: new SessionOptions { AllowedProtocolFeatures = SessionOptions.ImplementedProtocolFeatures });
        using GuestMemory memory = SessionTests.Memory();
        using VhostUserFrontend frontend = harness.Open(
            memory, Base, new FrontendOptions { ProtocolFeatures = ~(ProtocolFeatures.INBAND_NOTIFICATIONS | ProtocolFeatures.PAGEFAULT) });
        Assert.NotEqual(0UL, frontend.ProtocolFeatures & ProtocolFeatures.GPA_ADDRESSES);
        using var rings = new EchoRings(frontend, memory, 32);
        rings.Start();
        rings.Exchange(100);
        SessionTests.Check(harness);
    }

    [Fact]
    public void ALegacyGuestOfTheOtherByteOrderIsUnderstood()
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = SessionTests.Memory();
        ulong features = VirtioFeatures.PROTOCOL_FEATURES | VirtioFeatures.ANY_LAYOUT | VirtioFeatures.EVENT_IDX | VirtioFeatures.INDIRECT_DESC;
        using VhostUserFrontend frontend = harness.Open(memory, features);
        using DriverQueue receive = DriverQueue.Create(memory, new DriverQueueOptions { Index = 0, Size = 8, Features = features, SwapBytes = true });
        using DriverQueue transmit = DriverQueue.Create(memory, new DriverQueueOptions { Index = 1, Size = 8, Features = features, SwapBytes = true });
        foreach (DriverQueue queue in new[] { receive, transmit })
        {
            frontend.SetVringEndian(queue.Index, BitConverter.IsLittleEndian);
            frontend.StartQueue(queue);
        }

        ulong area = memory.Allocate(8192);
        var used = new UsedChain[1];
        for (int i = 0; i < 100; i++)
        {
            memory.Write(area, [1, 2, (byte)i, 4]);
            receive.Send([new GuestBuffer(area + 4096, 2, true), new GuestBuffer(area + 5000, 10, true)], 0, i % 2 == 0);
            transmit.Send([new GuestBuffer(area, 1, false), new GuestBuffer(area + 1, 3, false)], 0, i % 3 == 0);
            Assert.Equal(1, receive.WaitForUsed(used, s_timeout));
            Assert.Equal(4u, used[0].Length);
            Assert.Equal([1, 2], memory.Bytes(area + 4096, 2).ToArray());
            Assert.Equal([(byte)i, 4], memory.Bytes(area + 5000, 2).ToArray());
            Assert.Equal(1, transmit.WaitForUsed(used, s_timeout));
        }

        SessionTests.Check(harness);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("packed")]
    [InlineData("packed+inorder+event")]
    public void WhatWasInFlightIsNotLostWithTheBackEnd(string combination)
    {
        ulong features = Base | RingFeatures.Parse(combination);
        using GuestMemory memory = SessionTests.Memory();
        var first = new SessionHarness();
        using VhostUserFrontend frontend = first.Open(memory, features);
        using InflightHandle inflight = frontend.GetInflight(2, 32);
        frontend.Inflight = inflight;
        frontend.SetInflight(inflight);
        using var rings = new EchoRings(frontend, memory, 32);
        rings.Start();
        rings.Exchange(100);
        for (int round = 0; round < 3; round++)
        {
            rings.Post();
            rings.Send();
            rings.Send();
            rings.Receive.Publish();
            rings.Transmit.Publish();
            rings.Receive.KickIfWanted();
            rings.Transmit.KickIfWanted();
            rings.Await(1);
            first.Dispose();
            rings.Post();
            rings.Receive.Publish();
            first = new SessionHarness();
            frontend.Reconnect(first.ConnectSocket());
            rings.Await(1);
            rings.Exchange(40);
        }

        SessionTests.Check(first);
        first.Dispose();
    }

    [Fact]
    public void TheDevicesStateTravelsThroughAPipe()
    {
        // Less than a pipe holds, so that each side has ended when it is asked, whichever thread ran first.
        byte[] state = new byte[40_000];
        new Random(1).NextBytes(state);
        using var source = new SessionHarness(new EchoDevice { DeviceState = state });
        using var target = new SessionHarness();
        using GuestMemory memory = SessionTests.Memory();
        using VhostUserFrontend from = source.Open(memory, Base), to = target.Open(memory, Base);
        using var rings = new EchoRings(from, memory, 32);
        rings.Start();
        rings.Exchange(50);
        rings.Stop();
        Assert.Equal(0, pipe2(out int readEnd, out int writeEnd, O_CLOEXEC));
        using (var writer = new FileDescriptor(writeEnd))
        {
            Assert.Null(from.SetDeviceStateFd(DeviceStatePayload.Save, writer));
        }

        using (var reader = new FileDescriptor(readEnd))
        {
            Assert.Null(to.SetDeviceStateFd(DeviceStatePayload.Load, reader));
        }

        from.CheckDeviceState();
        to.CheckDeviceState();
        Assert.Equal(state, target.Device.DeviceState);
        foreach (DriverQueue queue in new[] { rings.Receive, rings.Transmit })
        {
            to.StartQueue(queue, position: queue.DrainedBase);
        }

        rings.Exchange(50);
        Assert.Equal(50, target.Device.Echoed);
        SessionTests.Check(source);
        SessionTests.Check(target);
    }

    [Fact]
    public void MessagesAboutTheDeviceReachIt()
    {
        using var harness = new SessionHarness();
        using GuestMemory memory = SessionTests.Memory();
        using VhostUserFrontend frontend = harness.Open(memory, Base);
        using var rings = new EchoRings(frontend, memory, 32);
        rings.Start();
        frontend.SetMtu(9000);
        frontend.SendRarp(0x0605_0403_0201);
        frontend.SetStatus(15);
        Assert.Equal(15, frontend.GetStatus());
        Assert.Equal([0xc3, 0xc4], frontend.GetConfig(3, 2));
        frontend.SetConfig(3, [7, 8]);
        Assert.Equal([7, 8], frontend.GetConfig(3, 2));
        Assert.Equal(FrontendError.Refused, Assert.Throws<VhostUserFrontendException>(() => frontend.SetConfig(10, [7, 8])).Error);
        frontend.SetConfig(10, [7, 8], migration: true);
        Assert.Contains(new DeviceRequest(DeviceRequestKind.SetMtu, 9000), harness.Device.Requests);
        Assert.Contains(harness.Device.Requests, r => r.Kind == DeviceRequestKind.Announce && (r.Value & 0xffff_ffff_ffff) == 0x0605_0403_0201);
        rings.Exchange(20);
        frontend.ResetDevice();
        Assert.Contains(new DeviceRequest(DeviceRequestKind.Reset, 0), harness.Device.Requests);
        Assert.Equal(0, harness.Device.StartedQueues);
        harness.Device.Accepts = false;
        Assert.Equal(FrontendError.Refused, Assert.Throws<VhostUserFrontendException>(() => frontend.SetMtu(1)).Error);
    }

    private static Dictionary<ulong, byte[]> Pages(GuestMemory memory)
    {
        var pages = new Dictionary<ulong, byte[]>();
        foreach (GuestRegion region in memory.Regions)
        {
            for (ulong offset = 0; offset < region.Size; offset += MigrationLog.PageSize)
            {
                pages.Add(region.GuestAddress + offset, region.Bytes(offset, 4096).ToArray());
            }
        }

        return pages;
    }

    /// <summary>Pages that the front end itself writes: descriptors, avail rings, transmit buffers.</summary>
    private static IEnumerable<ulong> OwnPages(EchoRings rings, GuestMemory memory)
    {
        foreach (DriverQueue queue in new[] { rings.Receive, rings.Transmit })
        {
            yield return queue.DriverAddress & ~4095UL;
            if (!queue.IsPacked)
            {
                yield return queue.DescriptorAddress & ~4095UL;
            }

            for (ulong table = queue.IndirectTables; table != 0 && table < queue.IndirectTables + (16UL * 16 * (ulong)queue.Size); table += 4096)
            {
                yield return table & ~4095UL;
            }
        }

        for (ulong page = rings.TransmitArea; page < rings.TransmitArea + ((ulong)rings.Transmit.Size * 2048); page += 4096)
        {
            yield return page;
        }

        Assert.NotEmpty(memory.Regions);
    }
}
