using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// Serves the first chains of a burst, for a <see cref="DeviceQueue"/>: on its thread, under the ring's lock, allocating nothing and throwing nothing.
/// </summary>
/// <param name="burst">The chains; valid until this returns. What was written into one is said in <see cref="Chain.Written"/>. A chain that
/// <see cref="Chain.IsMalformed"/> counts as served as it is.</param>
/// <param name="count">How many there are, at least one.</param>
/// <param name="turn">What the turn may still cost: each chain takes from it what serving it cost beyond its descriptors; when it is spent no further chain
/// is begun.</param>
/// <returns>How many chains, from the first, were served. Fewer than <paramref name="count"/> with budget left means that the device waits for something, and
/// calls <see cref="DeviceQueue.Wake"/> when it is there; the rest of the chains comes again.</returns>
public delegate int ServeChains(ChainBurst burst, int count, ref TurnBudget turn);
