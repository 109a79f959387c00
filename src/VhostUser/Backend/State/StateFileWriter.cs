using System.Text;
using Microsoft.Win32.SafeHandles;

namespace VhostNet.VhostUser.Backend.State;

/// <summary>
/// Writes small files on a thread of its own, so that no loop waits for a disk. Of several values for a file the latest wins, and a file is written once in an
/// interval at most, however often a front end makes its value change. A file is replaced as a whole, and is on the disk before it is: whoever reads it finds
/// the old value or the new one. Any thread.
/// </summary>
/// <param name="interval">The shortest time between two writes of one file.</param>
internal sealed class StateFileWriter(TimeSpan interval)
{
    private readonly object _gate = new();
    private readonly Dictionary<string, Entry> _entries = [];
    private bool _isRunning;
    private bool _hurries;
    private string? _writing;
    private string? _writingText;

    /// <summary>The one that all stores use.</summary>
    public static StateFileWriter Shared { get; } = new(TimeSpan.FromSeconds(1));

    /// <summary>Files written so far, failures among them.</summary>
    public long Writes { get; private set; }

    /// <summary>Has a file written soon.</summary>
    /// <param name="path">The file; its directory must exist.</param>
    /// <param name="text">All of its text.</param>
    /// <param name="failed">Receives a sentence on the writer's thread when it could not be written; must not throw.</param>
    public void Write(string path, string text, Action<string>? failed)
    {
        lock (_gate)
        {
            long due = _entries.TryGetValue(path, out Entry? last) ? Math.Max(last.DueMs, Environment.TickCount64) : Environment.TickCount64;
            _entries[path] = new Entry(text, failed, due);
            Monitor.PulseAll(_gate);
            if (_isRunning)
            {
                return;
            }

            _isRunning = true;
        }

        new Thread(Run) { IsBackground = true, Name = "state-writer" }.Start();
    }

    /// <summary>The text that a file is about to have, or null when nothing waits.</summary>
    public string? FindPending(string path)
    {
        lock (_gate)
        {
            return (_entries.TryGetValue(path, out Entry? entry) ? entry.Text : null) ?? (_writing == path ? _writingText : null);
        }
    }

    /// <summary>Writes what waits without regard to the interval, and waits for it.</summary>
    /// <returns>False when the time did not suffice.</returns>
    public bool Flush(TimeSpan limit)
    {
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        lock (_gate)
        {
            _hurries = true;
            Monitor.PulseAll(_gate);
            while (_writing is not null || _entries.Values.Any(e => e.Text is not null))
            {
                long left = end - Environment.TickCount64;
                if (left <= 0)
                {
                    break;
                }

                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
            }

            _hurries = false;
            return _writing is null && _entries.Values.All(e => e.Text is null);
        }
    }

    private void Run()
    {
        while (TryTake(out string path, out Entry entry))
        {
            string? failure = Replace(path, entry.Text!);
            lock (_gate)
            {
                Writes++;
                _writing = null;
                Monitor.PulseAll(_gate);
            }

            if (failure is not null)
            {
                entry.Failed?.Invoke(failure);
            }
        }
    }

    /// <summary>Waits for the next file that is due; false when nothing is to be written and no interval to be remembered any more.</summary>
    private bool TryTake(out string path, out Entry entry)
    {
        lock (_gate)
        {
            while (_entries.Count != 0)
            {
                long now = Environment.TickCount64;
                ((path, entry), long wait) = _entries.Select(e => ((e.Key, e.Value), _hurries && e.Value.Text is not null ? 0 : e.Value.DueMs - now)).MinBy(e => e.Item2);
                if (wait > 0)
                {
                    Monitor.Wait(_gate, TimeSpan.FromMilliseconds(wait));
                    continue;
                }

                if (entry.Text is null)
                {
                    _entries.Remove(path);
                    continue;
                }

                // What stays says only when the next write is due.
                _entries[path] = new Entry(null, null, now + (long)interval.TotalMilliseconds);
                _writing = path;
                _writingText = entry.Text;
                return true;
            }

            _isRunning = false;
            (path, entry) = (string.Empty, new Entry(null, null, 0));
            return false;
        }
    }

    private static string? Replace(string path, string text)
    {
        string temporary = path + ".new";
        try
        {
            using (SafeFileHandle file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
            {
                RandomAccess.Write(file, Encoding.UTF8.GetBytes(text), 0);
                RandomAccess.FlushToDisk(file);
            }

            File.Move(temporary, path, overwrite: true);
            SyncDirectory(path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            return $"'{path}' could not be written: {e.Message}";
        }
    }

    /// <summary>The new name is on the disk as well. Where the directory can't be opened it gets there by itself in a while.</summary>
    private static void SyncDirectory(string path)
    {
        int directory = open(Path.GetDirectoryName(Path.GetFullPath(path))!, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0)
        {
            _ = fsync(directory);
            _ = close(directory);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A file that can't be removed could not be written either.
        }
    }

    private sealed record Entry(string? Text, Action<string>? Failed, long DueMs);
}
