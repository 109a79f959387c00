using System.Reflection;
using VhostNet.Aio;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Tests.Backend;
using VhostNet.VhostUser.Tests.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Virtqueues;

/// <summary>
/// A ring that was disposed of does nothing, whatever is asked of it, and counts that. Its native memory is fenced and its guest's memory is unmapped, so that a
/// member that still followed a pointer would end this process.
/// </summary>
[Collection(Alone.Name)]
public sealed class DisposedVirtqueueTests
{
    private const ulong Modern = VirtioFeatures.VERSION_1;

    /// <summary>Each public member that does or tells something of the ring, and what it comes to.</summary>
    private static readonly Dictionary<string, Func<Virtqueue, ChainBurst, bool>> s_operations = new()
    {
        [nameof(Virtqueue.Peek)] = (q, b) => q.Peek(b, 64, ChainDirection.Readable) + q.Peek(b, 64, ChainDirection.Writable) == 0 && q.LastPeekEnd == PeekEnd.Broken,
        [nameof(Virtqueue.Complete)] = (q, _) => Does(() => q.Complete(1)),
        [nameof(Virtqueue.RefuseChain)] = (q, _) => Does(() => q.RefuseChain(0)),
        [nameof(Virtqueue.HasAvailable)] = (q, _) => !q.HasAvailable,
        [nameof(Virtqueue.HasAtLeast)] = (q, _) => !q.HasAtLeast(1),
        [nameof(Virtqueue.PrefetchNext)] = (q, _) => Does(() => q.PrefetchNext(16)),
        [nameof(Virtqueue.RememberSeen)] = (q, _) => Does(() => q.RememberSeen(1)),
        [nameof(Virtqueue.HasUnseen)] = (q, _) => !q.HasUnseen,
        [nameof(Virtqueue.DisableNotifications)] = (q, _) => Does(q.DisableNotifications),
        [nameof(Virtqueue.EnableNotifications)] = (q, _) => q.EnableNotifications(1),
        [nameof(Virtqueue.NotifyGuest)] = (q, _) => Does(q.NotifyGuest),
        [nameof(Virtqueue.Relocate)] = (q, _) => Does(() => q.Relocate(q.Layout with { Descriptors = 4096, Device = 4096 })) && q.Layout.Descriptors == 0,
    };

    /// <summary>Members that follow no pointer, or end the ring.</summary>
    private static readonly string[] s_inert =
    [
        nameof(Virtqueue.Layout), nameof(Virtqueue.Features), nameof(Virtqueue.SwapsBytes), nameof(Virtqueue.Index), nameof(Virtqueue.Size), nameof(Virtqueue.View),
        nameof(Virtqueue.Kick), nameof(Virtqueue.CallNotifier),
        nameof(Virtqueue.CallInBand), nameof(Virtqueue.Enabled), nameof(Virtqueue.IsDisposed), nameof(Virtqueue.IsBroken), nameof(Virtqueue.LastError),
        nameof(Virtqueue.LastPeekEnd), nameof(Virtqueue.LastWalked), nameof(Virtqueue.Broken),
        nameof(Virtqueue.IotlbMissed), nameof(Virtqueue.Counters), nameof(Virtqueue.Base),
        nameof(Virtqueue.RunLocked), nameof(Virtqueue.Dispose),
    ];

    public static TheoryData<ulong, string> Operations()
    {
        var data = new TheoryData<ulong, string>();
        foreach (ulong format in (ulong[])[0, VirtioFeatures.EVENT_IDX, VirtioFeatures.RING_PACKED, VirtioFeatures.RING_PACKED | VirtioFeatures.EVENT_IDX])
        {
            foreach (string name in s_operations.Keys)
            {
                data.Add(Modern | format, name);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void EveryOperationDoesNothingAndIsCounted(ulong features, string name)
    {
        using FencedRingAllocator fences = FencedRingAllocator.Install();
        using var burst = new ChainBurst();
        Virtqueue queue = Used(features, burst, out uint position);
        Assert.True(s_operations[name](queue, burst), $"{name} did something");
        Assert.True(queue.Counters.UsesAfterDispose > 0, $"{name} was not counted");
        Assert.Equal(position, queue.Base);

        // A notifier that somebody sets later changes nothing.
        using var call = new EventNotifier();
        queue.CallNotifier = call;
        queue.NotifyGuest();
        Assert.False(call.TestAndClear());
        queue.Dispose();
        Assert.Equal(position, queue.Base);
    }

    [Fact]
    public void EveryPublicMemberIsAmongThem()
    {
        IEnumerable<string> members = typeof(Virtqueue).GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(m => m is MethodInfo { IsSpecialName: false } or PropertyInfo or FieldInfo)
            .Select(m => m.Name).Distinct();
        Assert.Empty(members.Except(s_operations.Keys).Except(s_inert));
    }

    [Fact]
    public void ItKeepsNoAddressAndNoCallback()
    {
        using FencedRingAllocator fences = FencedRingAllocator.Install();
        using var burst = new ChainBurst();
        Virtqueue queue = Used(Modern, burst, out _);
        Assert.True(queue is { IsDisposed: true, IsBroken: true, CallNotifier: null, CallInBand: null, Broken: null, IotlbMissed: null });
        Assert.Equal((0, 0, 0), (queue.Layout.Descriptors, queue.Layout.Driver, queue.Layout.Device));
        Assert.Empty(queue.Layout.Buffers.Windows.ToArray());
        Assert.Null(queue.Layout.Log);
        Assert.Null(queue.Layout.Inflight);
    }

    [Theory]
    [InlineData(Modern)]
    [InlineData(Modern | VirtioFeatures.RING_PACKED)]
    public void ItGivesItsMemoryBack(ulong features)
    {
        using FencedRingAllocator fences = FencedRingAllocator.Install();
        int before = fences.Live;
        using (var burst = new ChainBurst())
        {
            Used(features, burst, out _);
            Assert.Equal(before + 2, fences.Live);
        }

        // The pair has a burst of its own, which was freed as well.
        Assert.Equal((before, 5L), (fences.Live, fences.Freed));
    }

    private static bool Does(Action action)
    {
        action();
        return true;
    }

    /// <summary>A ring that was in the middle of its life, with a peeked chain, when it and its guest's memory went.</summary>
    private static Virtqueue Used(ulong features, ChainBurst burst, out uint position)
    {
        Virtqueue queue;
        using (var pair = new RingPair(features))
        {
            queue = pair.Device;
            for (int i = 0; i < 3; i++)
            {
                Assert.True(pair.Driver.Add([new GuestBuffer(RingPair.MemoryBase + 0x8000, 64, false)]) >= 0);
            }

            pair.Driver.Publish();
            Assert.Equal(1, queue.Peek(burst, 1, ChainDirection.Readable));
            queue.Complete(1);
            queue.NotifyGuest();
            Assert.Equal(2, queue.Peek(burst, 8, ChainDirection.Readable));
            position = queue.Base;
        }

        Assert.True(queue.IsDisposed);
        Assert.Equal(0, queue.Counters.UsesAfterDispose);
        return queue;
    }
}
