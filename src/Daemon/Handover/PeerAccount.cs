namespace VhostNet.Daemon.Handover;

/// <summary>Whom a daemon hands everything over to, or takes it from: processes of its own user, and root.</summary>
internal static class PeerAccount
{
    /// <summary>Whether a user may be at the other end.</summary>
    /// <param name="user">The effective user id that the kernel noted (SO_PEERCRED).</param>
    public static bool MayHandOver(uint user) => MayHandOver(user, geteuid());

    /// <summary>The same for another user than this process's, for tests.</summary>
    internal static bool MayHandOver(uint user, uint own) => user == 0 || user == own;
}
