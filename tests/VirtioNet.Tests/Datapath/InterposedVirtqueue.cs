using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A device queue with a step of the test's own between a look at the ring and what its user makes of it.</summary>
internal sealed class InterposedVirtqueue : Virtqueue
{
    private readonly Virtqueue _inner;

    public InterposedVirtqueue(Virtqueue inner)
        : base(inner.Layout)
    {
        _inner = inner;
        Kick = inner.Kick;
        Enabled = inner.Enabled;
    }

    /// <summary>Called once, after the first peek.</summary>
    public Action? AfterPeek { get; set; }

    public override bool HasAvailable => _inner.HasAvailable;

    public override bool HasUnseen => _inner.HasUnseen;

    public override uint Base => _inner.Base;

    public override int Peek(ChainBurst burst, int max, ChainDirection direction)
    {
        int count = _inner.Peek(burst, max, direction);
        LastPeekEnd = _inner.LastPeekEnd;
        Action? step = AfterPeek;
        AfterPeek = null;
        step?.Invoke();
        return count;
    }

    public override void Complete(int count) => _inner.Complete(count);

    private protected override int CountWaiting(int count, int max) => count;

    public override bool HasAtLeast(int count) => _inner.HasAtLeast(count);

    public override void PrefetchNext(int count) => _inner.PrefetchNext(count);

    public override void RememberSeen(int seen) => _inner.RememberSeen(seen);

    public override void DisableNotifications() => _inner.DisableNotifications();

    public override bool EnableNotifications(int seen = 0) => _inner.EnableNotifications(seen);

    private protected override bool ShouldCall() => false;

    private protected override void ApplyLayout()
    {
    }

    private protected override void Dispose(bool disposing)
    {
    }
}
