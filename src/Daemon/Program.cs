using System.CommandLine;
using Microsoft.Extensions.Hosting;
using VhostNet.Daemon;
using VhostNet.Daemon.Api;
using VhostNet.Daemon.Cli;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Logs;
using VhostNet.Daemon.Systemd;

try
{
    return (int)await RunAsync(args).ConfigureAwait(false);
}
catch (RefusalException e)
{
    StderrWriter.Say(e.Message);
    return (int)ExitCodes.Of(e.Kind);
}
#pragma warning disable CA1031 // The last place where a defect can be reported.
catch (Exception e)
{
    StderrWriter.Say($"internal error, please report it: {e}");
    return (int)ExitCode.Internal;
}
#pragma warning restore CA1031

static async Task<ExitCode> RunAsync(string[] args)
{
    if (args.Contains("--print-capabilities", StringComparer.Ordinal))
    {
        // By convention every other option is ignored beside this one, wrong ones too.
        await Console.Out.WriteLineAsync(Capabilities.Json).ConfigureAwait(false);
        return ExitCode.Success;
    }

    var line = new CommandLine();
    ParseResult result = line.Parse(args);
    if (result.Action is not null)
    {
        // --help and --version.
        await result.InvokeAsync().ConfigureAwait(false);
        return ExitCode.Success;
    }

    if (result.GetValue(line.PrintSchema))
    {
        await Console.Out.WriteAsync(ConfigSchema.Text).ConfigureAwait(false);
        return ExitCode.Success;
    }

    DaemonOptions options = QuickForm.Read(line, result);
    if (result.GetValue(line.CheckConfig))
    {
        await Console.Out.WriteLineAsync($"{options.Source}: correct").ConfigureAwait(false);
        return ExitCode.Success;
    }

    string? control = result.GetValue(line.TakeOver);
    if (result.GetValue(line.Detach))
    {
        return control is null
            ? throw new RefusalException(RefusalKind.Wrong, "--detach is of use beside --take-over only; leave it out")
            : (ExitCode)Background.Run(args);
    }

    DescriptorReserve.RaiseLimit();
    DescriptorReserve.Configure(options.Descriptors.Reserve);
    using Predecessor? predecessor = control is null ? null : Predecessor.Approach(control);
    try
    {
        return await ServeAsync(options, predecessor).ConfigureAwait(false);
    }
    catch (Exception e)
    {
        predecessor?.GiveUp(e.Message);
        throw;
    }
}

static async Task<ExitCode> ServeAsync(DaemonOptions own, Predecessor? predecessor)
{
    DaemonOptions options = predecessor is { State.Configuration: { } running } ? HeirOptions.Join(own, running) : own;
    using ServiceNotifier notifier = Inheritance.Notifier(predecessor);
    using SocketActivation activation = Inheritance.Sockets(predecessor);
    using var listeners = new HttpListeners { KeepsNames = predecessor is not null };
    if (predecessor is not null)
    {
        predecessor.Over += () =>
        {
            listeners.KeepsNames = false;
            Console.Out.WriteLine(Background.Sign);
        };
    }

    listeners.Open(options, activation);
    using var hangup = new Hangup();
    var log = LogSinks.Open(options.Log);
    try
    {
        using IHost host = DaemonHost.Build(options, notifier, activation, listeners, log, hangup, new Succession(predecessor));
        await host.RunAsync().ConfigureAwait(false);
        return ExitCode.Success;
    }
    catch (RefusalException)
    {
        log.Refuse();
        throw;
    }
    finally
    {
        // A terminal that is stopped or a disk that is frozen does not keep the process.
        log.End();
    }
}
