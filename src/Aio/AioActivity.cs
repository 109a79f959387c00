namespace VhostNet.Aio;

/// <summary>What a loop is doing.</summary>
public enum AioActivity
{
    /// <summary>Nobody polls it at this moment: its thread has not begun, has ended, or does something else.</summary>
    Outside,

    /// <summary>It looks for something to do, also by polling in user space.</summary>
    Looking,

    /// <summary>It waits in the kernel for something to do, and is woken when there is.</summary>
    Asleep,

    /// <summary>It runs bottom halves.</summary>
    BottomHalves,

    /// <summary>It calls handlers of descriptors or notifiers.</summary>
    Handlers,

    /// <summary>It fires timers.</summary>
    Timers,
}
