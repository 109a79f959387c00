using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Changes;

/// <summary>One change of the running daemon, thought through and not made yet.</summary>
/// <param name="Apply">Makes it: whole, or it throws and nothing has changed. Control thread.</param>
/// <param name="Edit">What it makes of the configuration file.</param>
internal sealed record LiveChange(Action<Composition> Apply, ConfigEdit Edit)
{
    /// <summary>True when it adds something.</summary>
    public bool IsAddition { get; init; }

    /// <summary>What it changes, as in <c>ports.vm0</c>.</summary>
    public string Item => $"{Edit.List}.{Edit.Name}";

    /// <summary>Checks what the configuration would be after a change.</summary>
    /// <exception cref="ConfigException">It would not fit together.</exception>
    public static DaemonOptions Checked(DaemonOptions options)
    {
        OptionsValidator.Check(options);
        return options;
    }
}
