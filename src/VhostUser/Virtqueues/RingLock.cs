namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// The lock of one ring, taken once per burst by the thread that works on it and by the control thread when it changes the ring. Not recursive. A thread
/// that needs two takes the transmit ring's first, then the receive ring's; never two of a kind.
/// </summary>
public sealed class RingLock
{
    private int _taken;

    /// <summary>Takes the lock, yielding the CPU while somebody else has it.</summary>
    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _taken, 1, 0) != 0)
        {
            EnterContended();
        }
    }

    /// <summary>Takes the lock if it is free.</summary>
    public bool TryEnter() => Interlocked.CompareExchange(ref _taken, 1, 0) == 0;

    /// <summary>Gives the lock back.</summary>
    public void Exit() => Volatile.Write(ref _taken, 0);

    private void EnterContended()
    {
        var wait = default(SpinWait);
        do
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
        while (Volatile.Read(ref _taken) != 0 || Interlocked.CompareExchange(ref _taken, 1, 0) != 0);
    }
}
