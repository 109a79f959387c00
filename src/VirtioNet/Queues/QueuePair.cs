namespace VhostNet.VirtioNet.Queues;

/// <summary>A receive queue and the transmit queue of the same number.</summary>
/// <param name="Rx">Ring 2i.</param>
/// <param name="Tx">Ring 2i + 1.</param>
public sealed record QueuePair(RxQueue Rx, TxQueue Tx);
