namespace VhostNet.Daemon.Handover;

/// <summary>What the daemon is told to be at present, also by changes that were never saved.</summary>
/// <param name="Running">What runs.</param>
/// <param name="Read">What the configuration file said when it was last carried out.</param>
/// <param name="Unsaved">What was changed and is not in the file, as in <c>ports.vm0</c>.</param>
internal sealed record ConfigurationRecord(IReadOnlyList<ItemRecord> Running, IReadOnlyList<ItemRecord> Read, IReadOnlyList<string> Unsaved);
