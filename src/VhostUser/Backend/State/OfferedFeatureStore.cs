using System.Globalization;
using VhostNet.Aio;

namespace VhostNet.VhostUser.Backend.State;

/// <summary>
/// Remembers, in a small text file, which virtio features a socket offered first and which its guest acknowledged last. A guest keeps its features over a
/// reconnect, also to another version of this program, and QEMU drops a back end that offers less for ever. So what was offered once is what is offered
/// again, until the file is removed. The file is read and written on threads of their own, see <see cref="StateFileWriter"/>. Control thread.
/// </summary>
public sealed class OfferedFeatureStore
{
    private const string OfferedKey = "offered";
    private const string AcknowledgedKey = "acknowledged";

    /// <summary>
    /// The file was read long before the first front end connects; a disk that has not answered by then is waited for only this long, and only once.
    /// </summary>
    private static readonly TimeSpan s_readLimit = TimeSpan.FromMilliseconds(100);

    private static readonly BackgroundThread s_reader = new("state-reader");

    private readonly TaskCompletionSource<Content> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StateFileWriter _writer;
    private ulong? _offered;
    private ulong _acknowledged;
    private bool _isLoaded;
    private bool _hasWaited;

    /// <summary>Begins to read the file.</summary>
    /// <param name="path">The file; its directory must exist.</param>
    public OfferedFeatureStore(string path)
        : this(path, StateFileWriter.Shared)
    {
    }

    internal OfferedFeatureStore(string path, StateFileWriter writer)
    {
        Path = path;
        _writer = writer;
        s_reader.TryPost(Read);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Waits until all stores' values are on the disk: for the end of the process.</summary>
    /// <param name="limit">How long at most.</param>
    /// <returns>False when the disk did not take them in time.</returns>
    public static bool Flush(TimeSpan limit) => StateFileWriter.Shared.Flush(limit);

    /// <summary>Decides what to offer.</summary>
    /// <param name="features">What the device offers today.</param>
    /// <param name="warning">A sentence when the guest may miss something, or when the file can't be used; otherwise null.</param>
    /// <param name="failed">Receives a sentence later, on another thread, when the file could not be written.</param>
    /// <returns>What was offered before, as far as the device still offers it; all of <paramref name="features"/> the first time.</returns>
    public ulong Offer(ulong features, out string? warning, Action<string>? failed = null)
    {
        if (!TryLoad(out warning))
        {
            return features;
        }

        if (_offered is not { } offered)
        {
            _offered = features;
            Save(failed);
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
    /// <param name="features">The features.</param>
    /// <param name="failed">Receives a sentence later, on another thread, when the file could not be written.</param>
    public void Acknowledged(ulong features, Action<string>? failed = null)
    {
        // What was never read must not be written over.
        if (features != _acknowledged && _isLoaded)
        {
            _acknowledged = features;
            Save(failed);
        }
    }

    /// <summary>Waits until the file was read, for tests.</summary>
    internal bool WaitUntilRead(TimeSpan limit) => _read.Task.Wait(limit);

    private bool TryLoad(out string? warning)
    {
        warning = null;
        if (_isLoaded)
        {
            return true;
        }

        if (!_read.Task.Wait(_hasWaited ? TimeSpan.Zero : s_readLimit))
        {
            _hasWaited = true;
            warning = $"'{Path}' was not read in {s_readLimit.TotalMilliseconds} ms, so a guest that reconnects may meet other features: the disk does not answer";
            return false;
        }

        _isLoaded = true;
        (_offered, _acknowledged, warning) = _read.Task.Result;
        return true;
    }

    /// <summary>On the reader's thread.</summary>
    private void Read()
    {
        try
        {
            string? text = _writer.FindPending(Path) ?? (File.Exists(Path) ? File.ReadAllText(Path) : null);
            _read.SetResult(text is null ? new Content(null, 0, null) : Parse(text));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _read.SetResult(new Content(null, 0, $"'{Path}' could not be read, so a guest that reconnects may meet other features: {e.Message}"));
        }
    }

    private Content Parse(string text)
    {
        ulong? offered = null;
        ulong acknowledged = 0;
        foreach (string line in text.Split('\n'))
        {
            string[] parts = line.Split('=', 2, StringSplitOptions.TrimEntries);
            if (parts.Length != 2 || !parts[1].StartsWith("0x", StringComparison.Ordinal)
                || !ulong.TryParse(parts[1].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong value))
            {
                continue;
            }

            offered = parts[0] == OfferedKey ? value : offered;
            acknowledged = parts[0] == AcknowledgedKey ? value : acknowledged;
        }

        return new Content(
            offered, acknowledged,
            offered is null ? $"'{Path}' does not say what was offered on this socket ('{OfferedKey}=0x...'); it is written anew" : null);
    }

    private void Save(Action<string>? failed) => _writer.Write(
        Path, string.Create(CultureInfo.InvariantCulture, $"{OfferedKey}=0x{_offered:x}\n{AcknowledgedKey}=0x{_acknowledged:x}\n"),
        failed is null ? null : reason => failed($"{reason}; a later version of this program may offer a guest other features"));

    private sealed record Content(ulong? Offered, ulong Acknowledged, string? Warning);
}
