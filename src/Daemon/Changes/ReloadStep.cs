using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>One change that a configuration file asks for.</summary>
/// <param name="Item">What it is about, as in <c>ports.vm0</c>.</param>
/// <param name="Plan">What it means for what runs; null when that is so already.</param>
/// <param name="Carried">What is true of the file when the change is made.</param>
internal sealed record ReloadStep(string Item, Func<DaemonOptions, LiveChange?> Plan, ConfigEdit Carried);
