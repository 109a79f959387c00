using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Chains with readable and writable buffers (virtio 1.3 section 2.7.4.2).</summary>
public sealed class MixedChainTests
{
    public static TheoryData<string, bool> Kinds => new()
    {
        { "plain", false }, { "plain+indirect", true }, { "packed", false }, { "packed+indirect", true }, { "packed+inorder", false }, { "event", false },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TheReadablePartEndsWhereTheWritableBegins(string features, bool indirect)
    {
        using var ring = new RingPair(RingFeatures.Parse(features));
        ulong memory = ring.Memory.Allocate(4096, 4096);
        (string Buffers, int Readable)[] chains = [("rww", 1), ("rrw", 2), ("r", 1), ("w", 0), ("rr", 2), ("ww", 0), ("rw", 1)];
        foreach ((string buffers, int readable) in chains)
        {
            GuestBuffer[] chain = [.. buffers.Select((c, i) => new GuestBuffer(memory + (ulong)(512 * i), 16, c == 'w'))];
            Assert.True(ring.Driver.Add(chain, 7, indirect) >= 0);
            ring.Driver.Publish();
            Assert.Equal(1, ring.Device.Peek(ring.Burst, 8, ChainDirection.Mixed));
            Assert.Equal((buffers.Length, readable, 16u * (uint)buffers.Length), (ring.Burst[0].SegmentCount, ring.Burst[0].ReadableCount, ring.Burst[0].TotalLength));
            ring.Written(0, 5);
            ring.Device.Complete(1);
            UsedChain used = Assert.Single(ring.Collect());
            Assert.Equal((7UL, 5u), (used.Cookie, used.Length));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AReadableBufferBehindAWritableOneIsRefused(string features, bool indirect)
    {
        using var ring = new RingPair(RingFeatures.Parse(features));
        ulong memory = ring.Memory.Allocate(4096, 4096);
        GuestBuffer[] chain = [new(memory, 16, false), new(memory + 512, 16, true), new(memory + 1024, 16, false)];
        Assert.True(ring.Driver.Add(chain, 1, indirect) >= 0);
        ring.Driver.Publish();
        Assert.Equal(1, ring.Device.Peek(ring.Burst, 8, ChainDirection.Mixed));
        Assert.True(ring.Burst[0].IsMalformed);
        Assert.Equal(ChainStatus.WrongDirection, ring.Device.LastError);
        ring.Device.Complete(1);
        Assert.Equal(0u, Assert.Single(ring.Collect()).Length);
    }

    /// <summary>A ring whose device asks for one direction refuses the other, also after a mixed peek of the same burst.</summary>
    [Fact]
    public void OneDirectionStaysOne()
    {
        using var ring = new RingPair(RingFeatures.Parse("plain"));
        ulong memory = ring.Memory.Allocate(4096, 4096);
        for (int i = 0; i < 2; i++)
        {
            Assert.True(ring.Driver.Add([new(memory, 16, false), new(memory + 512, 16, true), new(memory + 1024, 16, true)]) >= 0);
        }

        ring.Driver.Publish();
        Assert.Equal(1, ring.Device.Peek(ring.Burst, 1, ChainDirection.Mixed));
        ring.Device.Complete(1);
        Assert.Equal(1, ring.Device.Peek(ring.Burst, 1, ChainDirection.Readable));
        Assert.Equal((true, ChainStatus.WrongDirection), (ring.Burst[0].IsMalformed, ring.Device.LastError));
    }

    /// <summary>What is logged as dirty is the writable part, from its first byte on, and never a request.</summary>
    [Theory]
    [InlineData("plain")]
    [InlineData("packed")]
    public void OnlyWhatWasWrittenIsLogged(string features)
    {
        using var ring = new RingPair(RingFeatures.Parse(features));
        var marks = new Marks();
        ulong memory = ring.Memory.Allocate(4096, 4096);
        var host = new AddressSpace([new MemoryWindow((ulong)ring.Memory.HostAddress(RingPair.MemoryBase), 16 << 20, unchecked((nint)RingPair.MemoryBase))]);
        using Virtqueue device = VirtqueueFactory.Create(ring.Layout with { Log = marks, Host = host }, ring.Driver.StartBase);
        ring.Driver.Add([new(memory, 16, false), new(memory + 512, 16, true), new(memory + 1024, 16, true)]);
        ring.Driver.Publish();
        Assert.Equal(1, device.Peek(ring.Burst, 1, ChainDirection.Mixed));
        ring.Written(0, 20);
        device.Complete(1);
        Assert.Equal([(memory + 512, 16UL), (memory + 1024, 4UL)], marks.All);
    }

    private sealed class Marks : IDirtyLog
    {
        public List<(ulong, ulong)> All { get; } = [];

        public void Mark(ulong address, ulong length) => All.Add((address, length));

        public void Flush()
        {
        }
    }
}
