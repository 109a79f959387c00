namespace VhostNet.VhostUser.Memory;

/// <summary>Checks files that are mapped here and belong to somebody else too: touching a page that the file no longer has kills the process.</summary>
internal static class SharedFile
{
    /// <summary>Checks that a file holds a range and can't lose it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="needed">Bytes that it must have.</param>
    /// <param name="policy">What to do when its owner could shrink it.</param>
    /// <param name="what">What the file is, for the message.</param>
    /// <param name="warn">Receives a sentence when the policy is to warn.</param>
    /// <returns>The file's page size.</returns>
    /// <exception cref="GuestMemoryException">It is too short, no file, or could be shrunk and the policy is to refuse that.</exception>
    /// <exception cref="ErrnoException">It can't be examined.</exception>
    public static ulong Check(FileDescriptor file, ulong needed, SealPolicy policy, string what, Action<string>? warn)
    {
        if (statx_nowait(file.Value, STATX_SIZE | STATX_TYPE, out statx_t facts) < 0)
        {
            Errno.Last.Throw($"statx of {what}");
        }

        if ((facts.stx_mode & S_IFMT) != S_IFREG || facts.stx_size < needed)
        {
            throw new GuestMemoryException($"{what} needs {needed} bytes of a file, which has {facts.stx_size}: touching the rest would kill the process");
        }

        CheckRisk(file, policy, what, warn);
        return Math.Max(facts.stx_blksize, 4096u);
    }

    /// <summary>Applies the policy to what the file's owner could do to this process with it.</summary>
    /// <exception cref="GuestMemoryException">There is such a risk and the policy is to refuse it.</exception>
    public static void CheckRisk(FileDescriptor file, SealPolicy policy, string what, Action<string>? warn)
    {
        if (policy != SealPolicy.Off && FindRisk(file) is { } risk)
        {
            string text = $"{what} {risk}";
            if (policy == SealPolicy.Refuse)
            {
                throw new GuestMemoryException(text);
            }

            warn?.Invoke(text);
        }
    }

    /// <summary>What the file's owner could do to this process with it, or null.</summary>
    private static string? FindRisk(FileDescriptor file)
    {
        // Only files in memory have seals. fstatfs would ask the file system's server, which may be the front end and need not answer.
        int seals = fcntl(file.Value, F_GET_SEALS);
        if (seals < 0)
        {
            return "is in a file of a file system that may take as long as it likes to give a page, while the process stands still; a memfd, or a file on tmpfs " +
                "or hugetlbfs, would not";
        }

        return (seals & F_SEAL_SHRINK) == 0
            ? "is in a file that its owner can shrink (no F_SEAL_SHRINK), which would kill the process; QEMU's memory-backend-memfd with seal=on (the " +
                "default) is sealed"
            : null;
    }
}
