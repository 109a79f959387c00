using System.Runtime.InteropServices;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Packed;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>What a packed ring says about its device's place, against a driver and a device whose places are known.</summary>
public sealed class PackedRingScanTests : IDisposable
{
    private const int Size = 8;
    private const ushort StateBits = PackedDescriptor.F_AVAIL | PackedDescriptor.F_USED;

    private readonly PackedDescriptor[] _slots = new PackedDescriptor[Size];
    private readonly GCHandle _pin;
    private readonly Stack<ushort> _freeIds = new(Enumerable.Range(0, Size).Select(i => (ushort)i));
    private readonly Queue<(ushort Id, int Slots)> _available = new();
    private readonly Queue<(ushort Id, int Slots)> _used = new();
    private PackedPosition _driver = new(0, true);
    private PackedPosition _device = new(0, true);
    private int _free = Size;

    public PackedRingScanTests() => _pin = GCHandle.Alloc(_slots, GCHandleType.Pinned);

    public void Dispose() => _pin.Free();

    [Fact]
    public void AFreshRingStartsWhereItIsTold()
    {
        Assert.Equal(RingPosition.PackedInitial, Normalize(null, out string? note));
        Assert.Null(note);
        Assert.Equal(0x0005_0005u, Normalize(5, out note));
        Assert.Null(note);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ChainsOfOneSlotSayItExactly(int seed) => Run(seed, longest: 1, AssertExact);

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void LongerChainsLeaveTwoPlacesAtMost(int seed) => Run(seed, longest: 3, () =>
    {
        (PackedPosition place, PackedPosition other) = Read();
        Assert.True(_device == place || _device == other, $"{_device} is neither {place} nor {other}");
    });

    [Fact]
    public void APositionFromBeforeIsCorrected()
    {
        for (int i = 0; i < 5; i++)
        {
            Add(1);
        }

        Use();
        Use();
        Assert.Equal(0x8002_8002u, Normalize(RingPosition.PackedInitial, out string? note));
        Assert.Contains("continues at 0x8002", note, StringComparison.Ordinal);
        Assert.Equal(0x8002_8002u, Normalize(0x8002_8002, out note));
        Assert.Null(note);
        Assert.Equal(0x8002_8002u, Normalize(0x8002, out note));
        Assert.Null(note);
    }

    [Fact]
    public void BothPossiblePlacesAreBelieved()
    {
        Add(2);
        Use();
        Reap();
        Add(2);
        Assert.Equal(0x8002_8002u, Normalize(0x8002_8002, out string? note));
        Assert.Null(note);
        Assert.Equal(_device.Encoded, (ushort)Normalize(RingPosition.PackedInitial, out note));
        Assert.NotNull(note);
    }

    [Fact]
    public void AnInOrderRingIsNotAsked()
    {
        Add(1);
        Use();
        Assert.Equal(RingPosition.PackedInitial, RingPosition.Normalize(Layout(VirtioFeatures.IN_ORDER), RingPosition.PackedInitial, out string? note));
        Assert.Null(note);
    }

    [Fact]
    public void ARingThatNoDriverLeavesSaysNothing()
    {
        _slots[1].flags = PackedDescriptor.F_AVAIL;
        _slots[3].flags = PackedDescriptor.F_AVAIL;
        Assert.False(PackedRingScan.TryRead(Layout(), out _));
        Assert.Equal(RingPosition.PackedInitial, Normalize(RingPosition.PackedInitial, out _));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    public void HostileContentsAreHarmless(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(MemoryMarshal.AsBytes(_slots.AsSpan()));
            int changes = random.Next(Size);
            for (int slot = 0; slot < Size; slot++)
            {
                _slots[slot].flags = (ushort)((_slots[slot].flags & ~PackedDescriptor.F_AVAIL) | (slot < changes ? PackedDescriptor.F_AVAIL : 0));
            }

            uint position = Normalize((uint)random.Next(), out _);
            Assert.InRange((int)(position & 0x7fff), 0, Size - 1);
            Assert.Equal(position & 0xffff, position >> 16);
        }
    }

    private void Run(int seed, int longest, Action check)
    {
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            switch (random.Next(3))
            {
                case 0 when random.Next(1, longest + 1) is var slots && _free >= slots && _freeIds.Count > 0:
                    Add(slots);
                    break;
                case 1 when _available.Count > 0:
                    Use();
                    break;
                case 2 when _used.Count > 0:
                    Reap();
                    break;
            }

            check();
        }
    }

    private void AssertExact()
    {
        (PackedPosition place, _) = Read();
        Assert.Equal(_device, place);
    }

    // With all flags clear a ring looks as if nobody had used it, and says nothing.
    private (PackedPosition Place, PackedPosition Other) Read()
    {
        bool isFresh = Array.TrueForAll(_slots, slot => (slot.flags & StateBits) == 0);
        Assert.NotEqual(isFresh, PackedRingScan.TryRead(Layout(), out PackedRingScan scan));
        return isFresh ? (_device, _device) : (scan.Position, scan.Other);
    }

    private uint Normalize(uint? given, out string? note) => RingPosition.Normalize(Layout(), given, out note);

    private VirtqueueLayout Layout(ulong features = 0) => new()
    {
        Index = 0,
        Size = Size,
        Features = VirtioFeatures.RING_PACKED | features,
        Descriptors = _pin.AddrOfPinnedObject(),
        Driver = 0,
        Device = 0,
        Buffers = AddressSpace.Empty,
    };

    private void Add(int slots)
    {
        ushort id = _freeIds.Pop();
        for (int i = 0; i < slots; i++)
        {
            int flags = (_driver.Wrap ? PackedDescriptor.F_AVAIL : PackedDescriptor.F_USED) | (i < slots - 1 ? SplitDescriptor.F_NEXT : 0);
            _slots[_driver.Slot] = new PackedDescriptor { len = 64, id = id, flags = (ushort)flags };
            _driver = _driver.Advance(1, Size);
        }

        _free -= slots;
        _available.Enqueue((id, slots));
    }

    private void Use()
    {
        (ushort id, int slots) = _available.Dequeue();
        _slots[_device.Slot].id = id;
        _slots[_device.Slot].flags = _device.Wrap ? StateBits : (ushort)0;
        _device = _device.Advance(slots, Size);
        _used.Enqueue((id, slots));
    }

    // The id that came back last is the first to be used again, as in Linux.
    private void Reap()
    {
        (ushort id, int slots) = _used.Dequeue();
        _freeIds.Push(id);
        _free += slots;
    }
}
