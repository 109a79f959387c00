using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>
/// The layouts of a session's rings, each computed once for what it follows from: a handler that tries a change and the reconciler that makes it get the same
/// object, and a ring that a message did not concern costs a comparison. Control thread.
/// </summary>
/// <param name="state">The session's state.</param>
internal sealed class RingLayouts(SessionState state)
{
    private readonly Answer[] _last = new Answer[state.Rings.Length];

    /// <summary>The layout that <paramref name="ring"/> has under <paramref name="memory"/>.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="memory">The memory table in use, or one that is about to be.</param>
    /// <param name="address">The ring's addresses, or ones that are about to be.</param>
    /// <param name="problem">What is missing or wrong, when the result is null.</param>
    public VirtqueueLayout? Find(RingState ring, MemoryTable memory, VringAddress? address, out LayoutProblem problem)
    {
        if (RingLayoutBuilder.FindMissing(state, ring, memory, address) is { } missing)
        {
            problem = missing;
            return null;
        }

        VringAddress where = address!.Value;
        var question = new Question(
            state.Features, state.ProtocolFeatures, memory, state.HasIommu ? state.Iotlb.GetSpace(memory) : null, state.DirtyLog, ring.Size, where,
            ring.IsEndianSet, ring.IsBigEndian, ring.Inflight);
        ref Answer last = ref _last[ring.Index];
        if (last.Question != question)
        {
            VirtqueueLayout? layout = RingLayoutBuilder.Build(state, ring, memory, where, out problem);
            last = new Answer(question, layout, problem);
        }

        problem = last.Problem;
        return last.Layout;
    }

    /// <summary>All that a layout follows from, besides the ring's number.</summary>
    private readonly record struct Question(
        ulong Features, ulong ProtocolFeatures, MemoryTable? Memory, AddressSpace? Translated, DirtyLogArea? DirtyLog, int Size, VringAddress Address,
        bool IsEndianSet, bool IsBigEndian, IInflightTracker? Inflight);

    private readonly record struct Answer(Question Question, VirtqueueLayout? Layout, LayoutProblem Problem);
}
