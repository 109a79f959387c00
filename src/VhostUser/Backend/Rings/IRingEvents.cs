using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>What a <see cref="RingReconciler"/> tells its session. Control thread.</summary>
internal interface IRingEvents
{
    /// <summary>Whether a ring may start now; else the session has it reconciled again later.</summary>
    bool MayStart(RingState ring);

    /// <summary>A ring is about to run; nothing of its memory was touched yet.</summary>
    void RingStarting(RingState ring);

    /// <summary>A virtqueue was made: connect the signals that it raises.</summary>
    void Connect(RingState ring, Virtqueue queue);

    /// <summary>A ring runs, from <paramref name="position"/> on.</summary>
    void RingStarted(RingState ring, uint position);

    /// <summary>A ring continues where another back end ended.</summary>
    void RingRecovered(RingState ring, string note);

    /// <summary>A ring no longer runs; its base says where it stood.</summary>
    void RingStopped(RingState ring);

    /// <summary>A started ring can't run yet. Called again as long as that is so.</summary>
    void RingWaits(RingState ring, LayoutProblem problem);
}
