namespace VhostNet.Aio;

/// <summary>How an <see cref="IoThread"/> waits.</summary>
public enum PollPolicy
{
    /// <summary>It sleeps in the kernel.</summary>
    Interrupt,

    /// <summary>It polls in user space for a while, which adapts itself, then sleeps.</summary>
    Adaptive,

    /// <summary>It never sleeps.</summary>
    Busy,
}
