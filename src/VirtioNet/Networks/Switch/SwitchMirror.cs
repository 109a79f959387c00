namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// Copies of frames for a port that looks on. The port takes no part in switching while it is the mirror: it gets nothing else, and what it sends is dropped.
/// Copies look as the frames did when they came in.
/// </summary>
/// <param name="Target">The port that gets the copies; joined to the same switch.</param>
/// <param name="From">The ports whose incoming frames are copied; null for all.</param>
/// <param name="To">The ports whose outgoing frames are copied; null for all. A frame is copied once, whatever it is copied for.</param>
public sealed record SwitchMirror(Port Target, IReadOnlyCollection<Port>? From, IReadOnlyCollection<Port>? To);
