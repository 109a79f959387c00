namespace VhostNet.VirtioNet.Queues;

/// <summary>Why <see cref="RxQueue.ReceiveDirect"/> returned.</summary>
public enum ReceiveResult
{
    /// <summary>The source has nothing more.</summary>
    SourceEmpty,

    /// <summary>The budget is used up; there may be more.</summary>
    Budget,

    /// <summary>The guest has no buffers; the waiter is scheduled when it has.</summary>
    Blocked,

    /// <summary>The guest's ring does not run.</summary>
    NotRunning,

    /// <summary>The source failed.</summary>
    SourceFailed,

    /// <summary>
    /// The frame read last can't be the guest's as it lies in its buffers; the reader has it, and it goes the copying way before anything else is read.
    /// </summary>
    SetAside,
}
