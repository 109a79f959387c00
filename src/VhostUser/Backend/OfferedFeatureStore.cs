using System.Globalization;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// Remembers, in a small text file, which virtio features a socket offered first and which its guest acknowledged last. A guest keeps its features over a
/// reconnect, also to another version of this program, and QEMU drops a back end that offers less for ever. So what was offered once is what is offered
/// again, until the file is removed. Control thread.
/// </summary>
/// <param name="path">The file; its directory must exist.</param>
public sealed class OfferedFeatureStore(string path)
{
    private const string OfferedKey = "offered";
    private const string AcknowledgedKey = "acknowledged";

    private ulong? _offered;
    private ulong _acknowledged;
    private bool _loaded;

    /// <summary>The file.</summary>
    public string Path { get; } = path;

    /// <summary>Decides what to offer.</summary>
    /// <param name="features">What the device offers today.</param>
    /// <param name="warning">A sentence when the guest may miss something, or when the file can't be used; otherwise null.</param>
    /// <returns>What was offered before, as far as the device still offers it; all of <paramref name="features"/> the first time.</returns>
    public ulong Offer(ulong features, out string? warning)
    {
        warning = Load();
        if (_offered is not { } offered)
        {
            _offered = features;
            warning ??= Save();
            return features;
        }

        if ((_acknowledged & ~features) is not 0 and var lost)
        {
            warning = $"the guest on this socket uses features 0x{lost:x} that the device no longer offers: it can't reconnect until they are offered again or it is " +
                $"restarted (remembered in '{Path}')";
        }

        return offered & features;
    }

    /// <summary>Notes what the front end acknowledged.</summary>
    /// <returns>A sentence when it could not be written, otherwise null.</returns>
    public string? Acknowledged(ulong features)
    {
        if (features == _acknowledged)
        {
            return null;
        }

        _acknowledged = features;
        return Save();
    }

    private string? Load()
    {
        if (_loaded)
        {
            return null;
        }

        _loaded = true;
        try
        {
            if (!File.Exists(Path))
            {
                return null;
            }

            foreach (string line in File.ReadLines(Path))
            {
                string[] parts = line.Split('=', 2, StringSplitOptions.TrimEntries);
                if (parts.Length != 2 || !parts[1].StartsWith("0x", StringComparison.Ordinal)
                    || !ulong.TryParse(parts[1].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong value))
                {
                    continue;
                }

                if (parts[0] == OfferedKey)
                {
                    _offered = value;
                }
                else if (parts[0] == AcknowledgedKey)
                {
                    _acknowledged = value;
                }
            }

            return _offered is null ? $"'{Path}' does not say what was offered on this socket ('{OfferedKey}=0x...'); it is written anew" : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"'{Path}' could not be read, so a guest that reconnects may meet other features: {e.Message}";
        }
    }

    private string? Save()
    {
        try
        {
            string temporary = Path + ".new";
            File.WriteAllText(temporary, string.Create(CultureInfo.InvariantCulture, $"{OfferedKey}=0x{_offered:x}\n{AcknowledgedKey}=0x{_acknowledged:x}\n"));
            File.Move(temporary, Path, overwrite: true);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"'{Path}' could not be written, so a later version of this program may offer a guest other features: {e.Message}";
        }
    }
}
