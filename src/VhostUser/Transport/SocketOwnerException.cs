namespace VhostNet.VhostUser.Transport;

#pragma warning disable CA1032 // The standard constructors would allow one that does not say what was asked for.
/// <summary>A socket shall belong to somebody to whom this process may not give it.</summary>
public sealed class SocketOwnerException(string path, uint? owner, uint? group)
    : IOException(
        $"user {geteuid()} may not give '{path}' to {(owner is null ? string.Empty : $"user {owner}")}{(owner is not null && group is not null ? " and " : string.Empty)}" +
        $"{(group is null ? string.Empty : $"group {group}")}; only root gives files to other users, and everybody to groups that he is a member of: " +
        "start the daemon as that user or as a member of that group, or leave the owner out")
#pragma warning restore CA1032
{
}
