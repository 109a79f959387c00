namespace VhostNet.VhostUser.Backend.Rings;

/// <summary>Why a ring has no layout.</summary>
/// <param name="Text">What is missing or wrong.</param>
/// <param name="MissedAddress">The I/O virtual address to ask the front end for, when that would help.</param>
/// <param name="NeedsWrite">Whether the area there is written.</param>
/// <param name="IsIncomplete">True when something may still come that makes the ring complete.</param>
internal readonly record struct LayoutProblem(string Text, ulong? MissedAddress = null, bool NeedsWrite = false, bool IsIncomplete = false);
