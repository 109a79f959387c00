namespace VhostNet.VirtioNet.Ports.Links;

/// <summary>A network interface of the host, as rtnetlink tells of it.</summary>
/// <param name="Index">Its number; one that is made anew under the same name has another.</param>
/// <param name="Name">Its name, which may change.</param>
/// <param name="IsUp">Whether the administrator has it up.</param>
/// <param name="Bridge">Index of the bridge that it belongs to, or 0.</param>
internal readonly record struct Link(int Index, string Name, bool IsUp, int Bridge);
