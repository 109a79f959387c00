namespace VhostNet.VhostUser.Memory;

/// <summary>What tells one file from another.</summary>
/// <param name="Major">Device number, major part.</param>
/// <param name="Minor">Device number, minor part.</param>
/// <param name="Inode">Inode number.</param>
internal readonly record struct FileIdentity(uint Major, uint Minor, ulong Inode)
{
    /// <summary>The identity of an open file, or null when nobody tells.</summary>
    public static FileIdentity? Of(FileDescriptor file) =>
        statx_nowait(file.Value, STATX_INO, out statx_t facts) == 0 ? new FileIdentity(facts.stx_dev_major, facts.stx_dev_minor, facts.stx_ino) : null;
}
