using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Serilog.Events;
using Serilog.Formatting;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Logs;

/// <summary>
/// A log file that is begun anew when it is full, its predecessors being kept as FILE.1, FILE.2, …, or when somebody who moved it away says so. Its sink's
/// thread, after the construction.
/// </summary>
internal sealed class LogFile : ILogWriter
{
    // 0640: who may connect to sockets has no business in the log.
    private const uint Mode = 0x1A0;
    private const long RetryMs = 1000;
    private const long TroubleMs = 60_000;

    private readonly ITextFormatter _formatter;
    private readonly TimeProvider _time;
    private readonly Action<string> _report;
    private readonly long _started;
    private string? _path;
    private long _limit;
    private int _kept;
    private SafeFileHandle? _file;
    private long _size;
    private long? _triedMs;
    private long? _reportedMs;

    /// <summary>Opens the file that the options name, if they name one.</summary>
    /// <param name="options">Which file, how large and how many of them.</param>
    /// <param name="formatter">Makes the lines.</param>
    /// <param name="time">For the pauses between attempts and complaints.</param>
    /// <param name="report">Told in a sentence what goes wrong later, once a minute at most.</param>
    /// <exception cref="RefusalException">The file can't be written.</exception>
    public LogFile(LogOptions options, ITextFormatter formatter, TimeProvider time, Action<string> report)
    {
        _formatter = formatter;
        _time = time;
        _report = report;
        _started = time.GetTimestamp();
        Take(options, options.File is null ? null : Open(options.File));
    }

    private long NowMs => (long)_time.GetElapsedTime(_started).TotalMilliseconds;

    /// <summary>Looks whether a file can be written, and makes it if it is not there.</summary>
    /// <exception cref="RefusalException">It can't.</exception>
    public static void Check(string path)
    {
        using SafeFileHandle file = Open(path);
    }

    /// <summary>Closes the file and opens the one of that name anew, or another one. If that fails the present one is kept, and the reason reported.</summary>
    public void Reopen(LogOptions options)
    {
        SafeFileHandle? file = null;
        try
        {
            file = options.File is null ? null : Open(options.File);
        }
        catch (RefusalException e)
        {
            _report($"{e.Message}; the log goes on in the file that is open");
            return;
        }

        _file?.Dispose();
        Take(options, file);
    }

    /// <inheritdoc/>
    public bool Write(LogEvent line)
    {
        if (_path is null)
        {
            return true;
        }

        using var text = new StringWriter(CultureInfo.InvariantCulture);
        _formatter.Format(line, text);
        byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
        try
        {
            if (_file is not null && _size > 0 && _size + bytes.Length > _limit)
            {
                Roll();
            }

            if (_file is null && !TryOpen())
            {
                return false;
            }

            // O_APPEND: the kernel knows where the end is, also when somebody else has cut the file.
            RandomAccess.Write(_file!, bytes, 0);
            _size += bytes.Length;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Complain($"log.file: {_path} can't be written: {e.Message.TrimEnd('.')}; lines are lost (vhostnet.log.lost)");
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private static SafeFileHandle Open(string path)
    {
        // Without O_NONBLOCK a pipe that nobody reads would keep the opener for ever.
        using var file = new FileDescriptor(open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, Mode));
        if (file.IsInvalid && Errno.Last is { Value: not ENXIO } error)
        {
            throw new RefusalException(
                RefusalKind.Resource, $"log.file: {path} can't be written: {error}; its directory has to exist and to be writable for user {geteuid()}");
        }

        return !file.IsInvalid && statx(file.Value, STATX_TYPE, out statx_t facts) == 0 && (facts.stx_mode & S_IFMT) == S_IFREG
            ? new SafeFileHandle(file.Release(), ownsHandle: true)
            : throw new RefusalException(RefusalKind.Resource, $"log.file: {path} is no regular file; name one, stderr is written besides it in any case");
    }

    private void Take(LogOptions options, SafeFileHandle? file)
    {
        _path = options.File;
        _limit = options.FileMegabytes * 1024L * 1024L;
        _kept = options.FilesKept;
        _file = file;
        _size = file is null ? 0 : RandomAccess.GetLength(file);
    }

    private void Roll()
    {
        _file!.Dispose();
        _file = null;
        _triedMs = null;
        try
        {
            Shift();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Complain($"log.file: {_path} is full and can't be begun anew: {e.Message.TrimEnd('.')}; it grows on");
        }
    }

    // FILE.1 is the newest of the old ones.
    private void Shift()
    {
        for (int i = _kept - 1; i > 0; i--)
        {
            string from = i == 1 ? _path! : $"{_path}.{(i - 1).ToString(CultureInfo.InvariantCulture)}";
            if (File.Exists(from))
            {
                File.Move(from, $"{_path}.{i.ToString(CultureInfo.InvariantCulture)}", overwrite: true);
            }
        }

        if (_kept == 1)
        {
            File.Delete(_path!);
        }
    }

    private bool TryOpen()
    {
        long now = NowMs;
        if (now - _triedMs < RetryMs)
        {
            return false;
        }

        _triedMs = now;
        try
        {
            // Counted from here: one that could not be begun anew is tried again after as much again, not with every line.
            _file = Open(_path!);
            _size = 0;
            return true;
        }
        catch (RefusalException e)
        {
            Complain($"{e.Message}; lines are lost (vhostnet.log.lost)");
            return false;
        }
    }

    private void Complain(string sentence)
    {
        long now = NowMs;
        if (!(now - _reportedMs < TroubleMs))
        {
            _reportedMs = now;
            _report(sentence);
        }
    }
}
