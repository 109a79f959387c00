namespace VhostNet.LibC;

/// <summary>A system call failed.</summary>
/// <param name="what">The call and what it was applied to.</param>
/// <param name="errno">Why it failed.</param>
#pragma warning disable CA1032 // The standard constructors would allow one without an error number.
public sealed class ErrnoException(string what, Errno errno) : IOException($"{what}: {errno}")
#pragma warning restore CA1032
{
    /// <summary>Why the call failed.</summary>
    public Errno Errno { get; } = errno;
}
