namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>One kind of port other than vhost-user.</summary>
/// <param name="Name">What configuration calls it.</param>
/// <param name="MainKey">The key that a quick form's first value stands for (the NAME in <c>tap:NAME</c>), or null when there is none.</param>
/// <param name="Read">Reads the kind's own keys into a record, which becomes <see cref="PortOptions.KindOptions"/>.</param>
internal sealed record PortKind(string Name, string? MainKey, Func<ConfigSection, object> Read);
