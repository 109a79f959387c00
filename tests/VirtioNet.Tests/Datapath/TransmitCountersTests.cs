using System.Runtime.InteropServices;
using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Queues;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>Each chain that a guest sends is counted once: as a frame that was passed on, or as dropped for one reason.</summary>
public sealed class TransmitCountersTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly IoThread _thread = new(new IoThreadOptions { Name = "rings" });
    private readonly WireNetwork _wire = new("wire");
    private readonly GuestRig _sender;
    private readonly GuestRig _receiver;

    public TransmitCountersTests()
    {
        _thread.Start();
        _sender = new GuestRig("sender", VirtioFeatures.VERSION_1, _thread);
        _receiver = new GuestRig("receiver", VirtioFeatures.VERSION_1, _thread);
        _wire.Attach(_sender.Port);
        _wire.Attach(_receiver.Port);
    }

    private ref FrameCounters Counters => ref _sender.Port.Pairs[0].Tx.Counters;

    public void Dispose()
    {
        _sender.Stop();
        _receiver.Stop();
        _wire.Detach(_sender.Port);
        _wire.Detach(_receiver.Port);
        _sender.Dispose();
        _receiver.Dispose();
        _thread.Dispose();
    }

    /// <summary>Why a frame was refused stands beside it; a reader of its header, in a dump or in the network, sees nothing of that.</summary>
    [Fact]
    public void ARefusalStandsInNoHeader()
    {
        using var memory = new BurstMemory(4096);
        memory.Add(new VirtioNetHeader { HdrLen = 77 }, new byte[20]);
        TxParser.Parse<NativeHeader>(memory.Burst, 1, VirtioNetHeader.Size, out int refused);
        Assert.Equal((1, true, DropReason.TooShort), (refused, memory.Burst[0].IsMalformed, memory.Burst.RefusalOf(0)));
        Assert.Equal(default, memory.Burst.Header(0));
    }

    [Fact]
    public void ARefusedFrameIsNoFrameThatWasPassedOn()
    {
        OfferBuffers(10);
        _receiver.Start();
        _sender.Start();
        SendOfEachKind();
        Collect(_sender.Tx, 5);
        AssertCounts(passedOn: 2, times: 1);
    }

    /// <summary>What stays in the ring is parsed again whenever the receiver has buffers.</summary>
    [Fact]
    public void ARefusedFrameBehindOneThatWaitsIsCountedOnce()
    {
        _receiver.Start();
        _sender.Start();
        SendOfEachKind();
        SendOfEachKind();
        for (int i = 0; i < 4; i++)
        {
            OfferBuffers(1);
            Collect(_receiver.Rx, 1);
        }

        // The last of all is one that nobody wants; it needs a buffer in sight to be looked at.
        OfferBuffers(1);
        Collect(_sender.Tx, 10);
        AssertCounts(passedOn: 4, times: 2);
    }

    [Fact]
    public void WhatADisabledRingHoldsIsDroppedForThatReasonOnly()
    {
        _receiver.Start();
        _sender.TxDevice.Enabled = false;
        _sender.Start();
        SendOfEachKind();
        Collect(_sender.Tx, 5);
        Assert.Equal(0, Counters.Frames);
        Assert.Equal(5, Counters.DroppedTotal);
        Assert.Equal(5, Counters.Drops[(int)DropReason.Disabled]);
    }

    private void AssertCounts(int passedOn, int times)
    {
        Assert.Equal(passedOn, Counters.Frames);
        Assert.Equal(passedOn * 100, Counters.Bytes);
        Assert.Equal(times, Counters.Drops[(int)DropReason.MalformedChain]);
        Assert.Equal(times, Counters.Drops[(int)DropReason.TooShort]);
        Assert.Equal(times, Counters.Drops[(int)DropReason.BadHeader]);
        Assert.Equal(3 * times, Counters.DroppedTotal);
    }

    /// <summary>Two good frames, and between and behind them three bad ones.</summary>
    private void SendOfEachKind()
    {
        Add(100);
        Add(100, writable: true);
        Add(5);
        Add(100);
        Add(100, new VirtioNetHeader { Flags = VirtioNetHeader.F_NEEDS_CSUM, CsumStart = 99 });
        _sender.Tx.Publish();
        _sender.Tx.KickNow();
    }

    private void Add(int frame, VirtioNetHeader header = default, bool writable = false)
    {
        ulong address = _sender.Memory.Allocate((ulong)(VirtioNetHeader.Size + frame));
        _sender.Memory.Write(address, MemoryMarshal.AsBytes(new ReadOnlySpan<VirtioNetHeader>(in header)));
        Assert.True(_sender.Tx.Add([new GuestBuffer(address, (uint)(VirtioNetHeader.Size + frame), writable)]) >= 0);
    }

    private void OfferBuffers(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.True(_receiver.Rx.Add([new GuestBuffer(_receiver.Memory.Allocate(2048), 2048, true)]) >= 0);
        }

        _receiver.Rx.Publish();
        _receiver.Rx.KickNow();
    }

    private static void Collect(DriverQueue queue, int count) => Assert.Equal(count, queue.WaitForUsed(new UsedChain[count], s_patience));
}
