namespace VhostNet.VirtioNet.Queues;

/// <summary>What a <see cref="KickWatch"/> calls, all on the ring's thread.</summary>
/// <param name="Kicked">The guest kicked.</param>
/// <param name="Poll">Looks whether there is something to do, while the thread polls.</param>
/// <param name="PollReady">Does it, after <paramref name="Poll"/> found something.</param>
/// <param name="Interval">Looks, and does what there is to do; for a ring without kicks, now and then, where the thread does not poll all the time.</param>
/// <param name="BeginPolling">The thread begins to poll, or null.</param>
/// <param name="EndPolling">The thread ends polling, or null.</param>
internal sealed record KickCalls(Action Kicked, Func<bool> Poll, Action PollReady, Action Interval, Action? BeginPolling = null, Action? EndPolling = null);
