namespace VhostNet.Daemon.Handover;

/// <summary>What was counted at a guest's queue.</summary>
/// <param name="Index">Number of the queue pair.</param>
/// <param name="IsReceive">Whether it is the receive queue.</param>
/// <param name="Frames">Frames.</param>
/// <param name="Ring">What its rings did, by name.</param>
internal sealed record QueueRecord(int Index, bool IsReceive, CountersRecord Frames, IReadOnlyDictionary<string, long> Ring);
