using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>
/// A new version of the configuration file that takes the old one's place at once or not at all, and can be taken back. A crash at any moment leaves the old or
/// the new version. Any thread; blocks on the disk.
/// </summary>
internal sealed class ConfigFileUpdate : IDisposable
{
    private readonly string _shown;
    private readonly string _file;
    private readonly string _new;
    private readonly string _old;
    private readonly bool _differs;

    private ConfigFileUpdate(string shown, byte[] before, byte[] after)
    {
        // A link stays a link: what it leads to is replaced.
        _shown = shown;
        _file = File.ResolveLinkTarget(shown, returnFinalTarget: true)?.FullName ?? shown;
        string directory = Path.GetDirectoryName(_file)!;
        string suffix = Guid.NewGuid().ToString("N")[..8];
        _new = Path.Combine(directory, $".{Path.GetFileName(_file)}.new-{suffix}");
        _old = Path.Combine(directory, $".{Path.GetFileName(_file)}.old-{suffix}");
        _differs = !before.AsSpan().SequenceEqual(after);
        if (!_differs)
        {
            return;
        }

        try
        {
            Write(_new, after);
            Write(_old, before);
        }
        catch
        {
            // On a full disk even an empty file would be one too many.
            Dispose();
            throw;
        }
    }

    /// <summary>Writes the new version beside the file.</summary>
    /// <exception cref="RefusalException">The file can't be read or written, or would be wrong.</exception>
    public static ConfigFileUpdate Prepare(string file, ConfigEdit edit)
    {
        try
        {
            byte[] before = File.ReadAllBytes(file);
            byte[] after = Change(file, before, edit);
            return new ConfigFileUpdate(file, before, after);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(file, e);
        }
    }

    /// <summary>Puts the new version in the old one's place.</summary>
    /// <exception cref="RefusalException">The directory does not allow it.</exception>
    public void Commit() => Replace(_new);

    /// <summary>Puts the old version back.</summary>
    /// <exception cref="RefusalException">The directory does not allow it any more.</exception>
    public void Revert() => Replace(_old);

    /// <inheritdoc/>
    public void Dispose()
    {
        unlink(_new);
        unlink(_old);
    }

    private static byte[] Change(string file, byte[] before, ConfigEdit edit)
    {
        try
        {
            ConfigReader.Read(before);
            byte[] after = ConfigText.Edit(before, edit);
            OptionsValidator.Check(ConfigReader.Read(after));
            return after;
        }
        catch (ConfigException e)
        {
            throw new RefusalException(
                RefusalKind.Conflict,
                $"with this change {file} would be wrong, so nothing was changed: {e.Message} (the file may lack earlier changes that were not persisted)");
        }
    }

    private static RefusalException CannotWrite(string file, Exception e) => new(
        RefusalKind.Conflict,
        $"{file} can't be replaced, so nothing was changed: {e.Message.TrimEnd('.')}; its directory has to be writable for user " +
            $"{geteuid()} (under systemd: ReadWritePaths=)");

    private void Write(string path, byte[] content)
    {
        using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        if (statx(_file, STATX_MODE | STATX_UID | STATX_GID, out statx_t facts) == 0)
        {
            // Only root can give a file away; for others it belongs to whoever changed it, as with any editor.
            _ = chown(path, facts.stx_uid, facts.stx_gid);
            _ = chmod(path, facts.stx_mode & 0xfffu);
        }

        stream.Write(content);
        stream.Flush(flushToDisk: true);
    }

    private void Replace(string by)
    {
        if (!_differs)
        {
            return;
        }

        try
        {
            File.Move(by, _file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(_shown, e);
        }

        // The rename itself has to be on the disk before anybody is told that the change will survive.
        int directory = open(Path.GetDirectoryName(_file)!, O_RDONLY | O_CLOEXEC);
        if (directory >= 0)
        {
            using var descriptor = new FileDescriptor(directory);
            _ = fsync(directory);
        }
    }
}
