using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Qemu;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl run -- qemu-system-…</c>: a guest with a network of its own, by one command and without any privilege.</summary>
internal static class RunCommand
{
    private const int QueuePairsMax = 128;

    private static readonly Option<string> s_uplink = new("--uplink")
    {
        HelpName = "KIND",
        Description = "where the guest's frames go, as the daemon's own option has it: user (default), tap:NAME, responder, …",
    };

    private static readonly Option<string> s_queuePairs = new("--queue-pairs") { HelpName = "N", Description = "queue pairs of the card, 1 to 128 (1)" };

    private static readonly Option<string> s_logLevel = new("--log-level")
    {
        HelpName = "LEVEL",
        Description = "what the daemon logs: trace, debug, info, warning (default) or error",
    };

    private static readonly Option<bool> s_quiet = new("--quiet", "-q") { Description = "do not say what was added to QEMU's command line" };

    /// <summary>Makes the command.</summary>
    public static Command Make()
    {
        var words = new Argument<string[]>("QEMU …") { Description = "QEMU's command line, behind --", Arity = ArgumentArity.OneOrMore };
        var command = new Command("run", "start QEMU with a card of vhost-user, and a daemon for it that ends with it: vhostnetctl run -- " +
            "qemu-system-x86_64 -m 1G disk.qcow2")
        {
            s_uplink, s_queuePairs, s_logLevel, s_quiet, words,
        };
        command.SetAction(result => Run(result, result.GetValue(words)!));
        return command;
    }

    private static int Run(ParseResult result, string[] words)
    {
        string? pairs = result.GetValue(s_queuePairs);
        int queuePairs = 1;
        if (pairs is not null && (!int.TryParse(pairs, NumberStyles.None, CultureInfo.InvariantCulture, out queuePairs)
            || queuePairs is < 1 or > QueuePairsMax))
        {
            throw new CtlException(CtlExit.Wrong, $"--queue-pairs {pairs}: a whole number from 1 to {QueuePairsMax} is expected");
        }

        (string program, var given) = (words[0], new QemuArguments(words[1..]));
        QemuVersion version = QemuVersion.Of(program);

        // What can't be done is known before anything runs.
        _ = QemuCard.Add(given, version, program, "/", queuePairs);
        string[] options =
        [
            "--queue-pairs", queuePairs.ToString(CultureInfo.InvariantCulture), "--log-level", result.GetValue(s_logLevel) ?? "warning",
            .. result.GetValue(s_uplink) is { } uplink ? new[] { "--uplink", uplink } : [],
        ];

        // Ctrl-C reaches all three of us; it is QEMU that decides when this ends.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => c.Cancel = true);
        using GuestDaemon daemon = GuestDaemon.Start(options);
        IReadOnlyList<string> more = QemuCard.Add(given, version, program, daemon.Socket, queuePairs);
        if (!result.GetValue(s_quiet))
        {
            Screen.Say($"added to QEMU's command line: {string.Join(' ', more)}");
            Screen.Say($"its network: vhostnetctl --socket {daemon.Control} status");
        }

        using Process qemu = DaemonProgram.Start(new ProcessStartInfo(program, [.. words[1..], .. more]));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => Pass(c, qemu, SIGTERM));
        using PosixSignalRegistration hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, c => Pass(c, qemu, SIGHUP));
        qemu.WaitForExit();
        return qemu.ExitCode;
    }

    private static void Pass(PosixSignalContext context, Process process, int signal)
    {
        context.Cancel = true;
        if (!process.HasExited)
        {
            _ = kill(process.Id, signal);
        }
    }
}
