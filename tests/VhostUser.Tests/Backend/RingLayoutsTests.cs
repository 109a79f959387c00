using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A ring's layout is computed once, and anew whenever anything that it follows from is another.</summary>
public sealed class RingLayoutsTests : IDisposable
{
    private readonly GuestMemory _memory = new();
    private readonly SessionState _state = new(1) { HasFeatures = true };
    private readonly RingLayouts _layouts;

    public RingLayoutsTests()
    {
        _layouts = new RingLayouts(_state);
        _state.Memory = Table();
        Ring.Size = 256;
        Ring.Address = SessionFixture.Address(0);
    }

    private RingState Ring => _state.Rings[0];

    public void Dispose()
    {
        _state.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void WhatATrialFoundIsWhatTheRingGets()
    {
        VringAddress next = SessionFixture.Address(1);
        VirtqueueLayout? tried = _layouts.Find(Ring, _state.Memory, next, out _);
        Assert.NotNull(tried);
        Ring.Address = next;
        Assert.Same(tried, Find());

        MemoryTable table = Table();
        tried = _layouts.Find(Ring, table, Ring.Address, out _);
        Assert.NotEqual(tried, Find());
        tried = _layouts.Find(Ring, table, Ring.Address, out _);
        _state.Memory.Dispose();
        _state.Memory = table;
        Assert.Same(tried, Find());
    }

    [Theory]
    [InlineData("features")]
    [InlineData("address space")]
    [InlineData("size")]
    [InlineData("address")]
    [InlineData("memory")]
    [InlineData("dirty log")]
    [InlineData("translations")]
    [InlineData("byte order")]
    [InlineData("whether the byte order is known")]
    [InlineData("in flight")]
    public void EverythingThatALayoutFollowsFromCounts(string input)
    {
        _state.Features = input switch { "dirty log" => VirtioFeatures.LOG_ALL, "translations" => VirtioFeatures.ACCESS_PLATFORM, _ => 0 };
        _state.Iotlb.Update(new IotlbEntry(GuestMemory.UserBase, 1 << 16, GuestMemory.UserBase, IotlbEntry.ReadPermission | IotlbEntry.WritePermission));
        Ring.IsBigEndian = input == "whether the byte order is known";
        Ring.IsEndianSet = input == "byte order";
        VirtqueueLayout? before = Find();
        Assert.NotNull(before);
        Assert.Same(before, Find());
        Change(input);
        VirtqueueLayout? after = Find();
        Assert.NotEqual(before, after);
        Assert.Equal(RingLayoutBuilder.Build(_state, Ring, _state.Memory, Ring.Address!.Value, out LayoutProblem problem), after);
        Find(out LayoutProblem found);
        Assert.Equal(problem, found);
    }

    private void Change(string input)
    {
        switch (input)
        {
            case "features": _state.Features = VirtioFeatures.EVENT_IDX; break;
            case "address space": _state.ProtocolFeatures = ProtocolFeatures.GPA_ADDRESSES; break;
            case "size": Ring.Size = 128; break;
            case "address": Ring.Address = SessionFixture.Address(1); break;
            case "memory":
                _state.Memory.Dispose();
                _state.Memory = Table();
                break;
            case "dirty log":
                _state.DirtyLog = DirtyLogArea.Map(_memory.File.Duplicate(), 4096, 0);
                break;
            case "translations": _state.Iotlb.Invalidate(GuestMemory.UserBase + 0x1000, 0x1000); break;
            case "byte order": Ring.IsBigEndian = true; break;
            case "whether the byte order is known": Ring.IsEndianSet = true; break;
            default: Ring.Inflight = new NoTracker(); break;
        }
    }

    private VirtqueueLayout? Find() => Find(out _);

    private VirtqueueLayout? Find(out LayoutProblem problem) => _layouts.Find(Ring, _state.Memory, Ring.Address, out problem);

    private MemoryTable Table()
    {
        MemoryRegionPayload d = _memory.Region;
        var region = MemoryRegion.Map(
            new MemoryRegionDescription(d.GuestAddress, d.RegionSize, d.UserAddress, d.MmapOffset), _memory.File.Duplicate(), SealPolicy.Off);
        var table = new MemoryTable([region]);
        region.Release();
        return table;
    }

    private sealed class NoTracker : IInflightTracker
    {
        public void Take(ReadOnlySpan<ushort> heads)
        {
        }

        public void BeforePublish(ReadOnlySpan<ushort> heads, ushort usedIndex)
        {
        }

        public void AfterPublish(ReadOnlySpan<ushort> heads, ushort usedIndex)
        {
        }
    }
}
