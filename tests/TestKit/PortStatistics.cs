namespace VhostNet.TestKit;

/// <summary>One port's counters, as testpmd shows them.</summary>
public sealed record PortStatistics(long RxPackets, long RxMissed, long RxErrors, long TxPackets, long TxErrors);
