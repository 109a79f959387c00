using VhostNet.Daemon.Configuration;
using VhostNet.VhostUser.Transport;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.Daemon.Hosting;

/// <summary>Says of what the libraries throw while a port is made, which input is to blame and what helps.</summary>
internal static class StartupFailures
{
    /// <summary>An exception for the operator, or null when the failure is a defect of ours.</summary>
    public static StartupException? Explain(PortOptions options, Exception e) => e switch
    {
        StartupException startup => startup,
        SocketInUseException => new StartupException(ExitCode.SocketInUse, $"port {options.Name}: {e.Message}", e),
        ErrnoException errno => new StartupException(ExitCode.Resource, $"port {options.Name}: {Sentence(e.Message)}{Remedy(options, errno.Errno)}", e),
        PortException or IOException or UnauthorizedAccessException => new StartupException(ExitCode.Resource, $"port {options.Name}: {Sentence(e.Message)}", e),
        InvalidOperationException and not ObjectDisposedException => new StartupException(ExitCode.Resource, $"port {options.Name}: {Sentence(e.Message)}", e),
        ArgumentException or FormatException or NotSupportedException => new StartupException(ExitCode.Usage, $"port {options.Name}: {Sentence(e.Message)}", e),
        _ => null,
    };

    private static string Remedy(PortOptions options, Errno error) => error.Value switch
    {
        ENOENT when options.Socket is { Path: { } path } && !Directory.Exists(Path.GetDirectoryName(path)) =>
            $"; the directory {Path.GetDirectoryName(path)} does not exist, create it or choose another path",
        EACCES or EPERM or EROFS when options.Socket is { Path: { } path } =>
            $"; the directory {Path.GetDirectoryName(path)} has to be writable for user {geteuid()}",
        _ => string.Empty,
    };

    /// <summary>A message as the middle of a sentence. The runtime adds the parameter's name in brackets, which means nothing to an operator.</summary>
    public static string Sentence(string message)
    {
        int end = message.IndexOf(" (Parameter '", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).ReplaceLineEndings(" ").TrimEnd('.');
    }
}
