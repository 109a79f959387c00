using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.VhostUser.Transport;
using VhostNet.VirtioNet.Errors;

namespace VhostNet.Daemon.Hosting;

/// <summary>Says of what the libraries throw while a port is made, which input is to blame and what helps.</summary>
internal static class StartupFailures
{
    /// <summary>An exception for the operator, or null when the failure is a defect of ours.</summary>
    public static RefusalException? Explain(PortOptions options, Exception e) => e switch
    {
        RefusalException startup => startup,
        SocketInUseException => new RefusalException(RefusalKind.InUse, $"port {options.Name}: {e.Message}{ClientHint(options)}", e),
        ErrnoException { Errno.Value: ENOTSOCK } when options.Socket?.Fd is { } fd => new RefusalException(
            RefusalKind.Wrong,
            $"{NameOfFd(options, fd)}: descriptor {fd} is no socket; whoever starts this has to pass on a Unix socket that listens, " +
            "or is connected to a front end",
            e),
        PortOptionsException => new RefusalException(RefusalKind.Wrong, $"port {options.Name}: {Sentence(e.Message)}", e),
        ErrnoException errno => new RefusalException(
            RefusalKind.Resource, $"port {options.Name}: {Sentence(e.Message)}{Remedy(options.Socket?.Path, errno.Errno)}", e),
        PortException or IOException or UnauthorizedAccessException => new RefusalException(
            RefusalKind.Resource, $"port {options.Name}: {Sentence(e.Message)}", e),
        InvalidOperationException and not ObjectDisposedException => new RefusalException(
            RefusalKind.Resource, $"port {options.Name}: {Sentence(e.Message)}", e),
        ArgumentException or FormatException or NotSupportedException => new RefusalException(
            RefusalKind.Wrong, $"port {options.Name}: {Sentence(e.Message)}", e),
        _ => null,
    };

    /// <summary>An exception for the operator about a Unix socket that is no port's.</summary>
    /// <param name="name">What the configuration calls it.</param>
    /// <param name="path">Its path.</param>
    /// <param name="e">What binding it threw.</param>
    public static RefusalException ExplainSocket(string name, string path, IOException e) => new(
        e is SocketInUseException ? RefusalKind.InUse : RefusalKind.Resource,
        $"{name}: {Sentence(e.Message)}{(e is ErrnoException errno ? Remedy(path, errno.Errno) : string.Empty)}",
        e);

    /// <summary>What the operator calls an inherited descriptor.</summary>
    public static string NameOfFd(PortOptions options, int fd) => options.IsFromCommandLine ? $"--fd {fd}" : $"{options.Path}.socket.fd";

    private static string ClientHint(PortOptions options) =>
        $"; if a front end listens there (QEMU with server=on), {(options.IsFromCommandLine ? "add --client" : "give the socket \"role\": \"client\"")} " +
            "to connect to it";

    private static string Remedy(string? socket, Errno error) => error.Value switch
    {
        ENOENT when socket is { } path && !Directory.Exists(Path.GetDirectoryName(path)) =>
            $"; the directory {Path.GetDirectoryName(path)} does not exist, create it or choose another path",
        EACCES or EPERM or EROFS when socket is { } path =>
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
