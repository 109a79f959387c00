using System.Globalization;

namespace VhostNet.Daemon.Common;

/// <summary>Turns names of users and groups into their numbers.</summary>
internal static class Accounts
{
    /// <summary>The id of a user that is given by name or number; null for null.</summary>
    public static uint? User(string? user, string path) =>
        user is null ? null : Number(user) ?? getpwnam_uid(user)
            ?? throw new RefusalException(
                RefusalKind.Wrong, $"{path}: there is no user \"{user}\" here; create it (deploy/sysusers.d has ours) or leave the owner out");

    /// <summary>The id of a group that is given by name or number; null for null.</summary>
    public static uint? Group(string? group, string path) =>
        group is null ? null : Number(group) ?? getgrnam_gid(group)
            ?? throw new RefusalException(
                RefusalKind.Wrong, $"{path}: there is no group \"{group}\" here; create it (deploy/sysusers.d has ours) or leave the group out");

    private static uint? Number(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) ? number : null;
}
