using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Logs;
using VhostNet.Daemon.Systemd;

namespace VhostNet.Daemon.Changes;

/// <summary>
/// Answers SIGHUP: opens the log file anew, and makes of the running daemon what the configuration file has become, as far as that can be done while frames
/// flow.
/// What can't is named in one warning; a file with a mistake in it changes nothing. Any thread.
/// </summary>
internal sealed class Reloader(
    Hangup hangup, ReadFile read, LiveChanges changes, DaemonService daemon, ServiceNotifier notifier, LogSinks log, Succession succession,
    ILogger<Reloader> logger)
    : IHostedLifecycleService
{
    private int _requests;

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        // Not on the thread that all signals come by. What comes while one is answered is answered by one more look.
        hangup.Listen(Request);
        if (succession.Predecessor is not null && read.Path is not null)
        {
            // Ports and networks are as they were in the process before; what this one's file says of them is carried out now.
            Request();
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Request()
    {
        if (Interlocked.Increment(ref _requests) == 1)
        {
            _ = Task.Run(AnswerAsync, CancellationToken.None);
        }
    }

    private async Task AnswerAsync()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref _requests);
            notifier.Reloading();
            try
            {
                await ReloadAsync().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // Nobody waits for this task; the daemon goes on in any case.
            catch (Exception e)
            {
                logger.ReloadFailed(e);
            }
#pragma warning restore CA1031
            finally
            {
                daemon.ReportReady();
            }
        }
        while (Interlocked.CompareExchange(ref _requests, 0, seen) != seen);
    }

    private async Task ReloadAsync()
    {
        if (read.Path is not { } path)
        {
            log.Reopen(read.Options.Log);
            logger.NothingToReload();
            return;
        }

        DaemonOptions file;
        try
        {
            file = ConfigReader.ReadFile(path);
        }
        catch (RefusalException e)
        {
            log.Reopen(read.Options.Log);
            logger.FileRefused(e.Message);
            return;
        }

        log.Reopen(file.Log);
        IReadOnlyList<string> sources = log.SetLevels(file.Log);
        DescriptorReserve.Configure(file.Descriptors.Reserve);
        var plan = new ReloadPlan(read, file);
        read.Options = read.Options with { Log = file.Log, Descriptors = file.Descriptors };
        (int made, IReadOnlyList<string> refused) = await CarryOutAsync(plan.Steps).ConfigureAwait(false);
        logger.Reloaded(path, made == 1 ? "1 change" : $"{made} changes");
        string[] fixedKeys = [.. plan.Fixed, .. sources.Select(s => $"log.sources.{s}")];
        if (fixedKeys.Length + refused.Count > 0)
        {
            string needs = fixedKeys.Length == 0
                ? string.Empty
                : $"{string.Join(", ", fixedKeys)} can't be changed while the daemon runs, start it anew for that";
            logger.NotAllInForce(
                path, needs, needs.Length > 0 && refused.Count > 0 ? "; " : string.Empty, string.Join("; ", refused));
        }
    }

    // What needs another change first (a wire that is full, a mirror's port) is tried again as long as others come about.
    private async Task<(int Made, IReadOnlyList<string> Refused)> CarryOutAsync(IReadOnlyList<ReloadStep> steps)
    {
        int made = 0;
        List<ReloadStep> left = [.. steps];
        while (true)
        {
            var refused = new List<string>();
            var again = new List<ReloadStep>();
            foreach (ReloadStep step in left)
            {
                try
                {
                    made += await changes.MakeFromFileAsync(step).ConfigureAwait(false) ? 1 : 0;
                }
                catch (RefusalException e)
                {
                    again.Add(step);
                    refused.Add(e.Message);
                }
            }

            if (again.Count == 0 || again.Count == left.Count)
            {
                return (made, refused);
            }

            left = again;
        }
    }
}
