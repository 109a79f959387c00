namespace VhostNet.Daemon.Handover;

/// <summary>From whom this process takes over, if from anybody; for the parts of the daemon that ask. Any thread.</summary>
/// <param name="Predecessor">The daemon before this one, or null.</param>
internal sealed record Succession(Predecessor? Predecessor)
{
    /// <summary>The configuration as the daemon before this one knew it; null without one.</summary>
    public ConfigurationRecord? Configuration => Predecessor?.State.Configuration;
}
