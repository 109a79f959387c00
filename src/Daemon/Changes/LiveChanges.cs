using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Changes;

/// <summary>
/// Makes changes of the running daemon, one after the other, each whole or not at all; also in the configuration file, if that is asked for. Any thread. The
/// disk is waited for on a thread of the pool, never on the control thread; a request waits for neither longer than <see cref="Patience"/>.
/// </summary>
internal sealed class LiveChanges(
    DaemonService daemon, ControlQueue control, ReadFile file, Succession succession, TimeProvider time, ILogger<LiveChanges> logger) : IDisposable
{
    /// <summary>How long a request waits for its turn, and for its change: longer than for the control thread alone, because a disk may come first.</summary>
    public static readonly TimeSpan Patience = ControlQueue.Patience + TimeSpan.FromSeconds(3);

    private readonly SemaphoreSlim _turn = new(1);
    private volatile IReadOnlyList<string> _unsaved = succession.Configuration?.Unsaved ?? [];

    /// <summary>What was changed, as in <c>ports.vm0</c>, and would be as before after a restart.</summary>
    public IReadOnlyList<string> Unsaved => _unsaved;

    /// <summary>Makes one change.</summary>
    /// <param name="plan">Says what the request means for the present configuration.</param>
    /// <param name="persist">True to write it to the configuration file too.</param>
    /// <exception cref="RefusalException">
    /// The request is wrong or can't be done, and nothing has changed; or it, or the change before it, takes too long (<see cref="RefusalKind.Busy"/>), and the
    /// message says whether something may still change.
    /// </exception>
    public async Task<LiveChange> MakeAsync(Func<DaemonOptions, LiveChange> plan, bool persist)
    {
        LiveChange? made = await TakeTurnAsync(() => MakeInTurnAsync(plan, persist)).ConfigureAwait(false);
        return made!;
    }

    /// <summary>Makes one change that the configuration file asks for.</summary>
    /// <returns>False when it is so already.</returns>
    /// <exception cref="RefusalException">
    /// It does not fit what runs or can't be done, and nothing has changed; or it takes too long, as with <see cref="MakeAsync"/>.
    /// </exception>
    public async Task<bool> MakeFromFileAsync(ReloadStep step) => await TakeTurnAsync(() => CarryOutInTurnAsync(step)).ConfigureAwait(false) is not null;

    /// <summary>Writes to the configuration file what was changed and is not there yet.</summary>
    /// <returns>What was written, as in <c>ports.vm0</c>.</returns>
    /// <exception cref="RefusalException">Some of it can't be written; the sentence is the first such item's, and what could be is written.</exception>
    public async Task<IReadOnlyList<string>> PersistAsync()
    {
        var written = new List<string>();
        List<string> left = [.. _unsaved];
        while (left.Count > 0)
        {
            // What needs another item in the file first (a port its network) is tried again as long as others come about.
            var again = new List<string>();
            RefusalException? refusal = null;
            foreach (string item in left)
            {
                try
                {
                    _ = await MakeAsync(now => AsItIs(now, item), persist: true).ConfigureAwait(false);
                    written.Add(item);
                }
                catch (RefusalException e) when (e.Kind != RefusalKind.Busy)
                {
                    refusal ??= e;
                    again.Add(item);
                }
            }

            if (again.Count == left.Count)
            {
                throw refusal!;
            }

            left = again;
        }

        return written;
    }

    private static LiveChange AsItIs(DaemonOptions now, string item)
    {
        (string list, string name) = (item[..item.IndexOf('.', StringComparison.Ordinal)], item[(item.IndexOf('.', StringComparison.Ordinal) + 1)..]);
        return new LiveChange(static _ => { }, new ConfigEdit(list, name, ChangeableLists.Of(list).SourceOf(now, name)));
    }

    private async Task<LiveChange?> TakeTurnAsync(Func<Task<LiveChange?>> make)
    {
        Task turn = _turn.WaitAsync();
        try
        {
            await turn.WaitAsync(Patience, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The turn comes all the same, and is passed on then.
            _ = turn.ContinueWith(_ => _turn.Release(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw new RefusalException(
                RefusalKind.Busy, "another change has not come to its end yet, so nothing was changed; GET /health says whether a thread hangs");
        }

        Task<LiveChange?> work = Task.Run(make);
        try
        {
            return await work.WaitAsync(Patience, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            if (work.IsCompleted)
            {
                return await work.ConfigureAwait(false);
            }

            _ = work.ContinueWith(LogLate, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            throw new RefusalException(
                RefusalKind.Busy,
                $"the change has not come to its end within {Patience.TotalSeconds:0} s; it is made or refused later, and the log and GET /status say which");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private async Task<LiveChange?> CarryOutInTurnAsync(ReloadStep step)
    {
        try
        {
            LiveChange? change = step.Plan(daemon.Composition.Options);
            if (change is not null)
            {
                await ApplyAsync(change).ConfigureAwait(false);
                daemon.ReportChange();
                logger.CarriedOut(step.Item, Verb(change));
            }

            file.Carried(step.Carried);
            _unsaved = [.. _unsaved.Where(i => i != step.Item)];
            return change;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<LiveChange?> MakeInTurnAsync(Func<DaemonOptions, LiveChange> plan, bool persist)
    {
        try
        {
            DaemonOptions now = daemon.Composition.Options;
            LiveChange change = plan(now);
            if (persist)
            {
                await MakeLastingAsync(change, now).ConfigureAwait(false);
                file.Carried(change.Edit);
            }
            else
            {
                await ApplyAsync(change).ConfigureAwait(false);
            }

            _unsaved = persist ? [.. _unsaved.Where(i => i != change.Item)] : [.. _unsaved.Where(i => i != change.Item), change.Item];
            daemon.ReportChange();
            logger.Changed(change.Item, Verb(change), persist ? ", also in the configuration file" : string.Empty);
            return change;
        }
        finally
        {
            _turn.Release();
        }
    }

    private void LogLate(Task<LiveChange?> work)
    {
        if (work.Exception?.InnerException is { } failure)
        {
            logger.RefusedLate(failure.Message);
        }
    }

    private static string Verb(LiveChange change) => change.IsAddition ? "added" : change.Edit.Value is null ? "removed" : "changed";

    private async Task MakeLastingAsync(LiveChange change, DaemonOptions now)
    {
        if (now.File is null)
        {
            throw new RefusalException(
                RefusalKind.Conflict,
                "persist: this daemon runs without a configuration file, so there is nowhere to write the change to; start it with --config FILE");
        }

        if (change.Edit is { List: "threads" } && now.Threads.First(t => t.Name == change.Edit.Name).IsAutomatic)
        {
            throw new RefusalException(
                RefusalKind.Conflict, $"persist: {now.File} lists no threads, and listing one of them would leave out the others; list them all there first");
        }

        // The file comes first: what can be undone for certain is a rename.
        using ConfigFileUpdate update = ConfigFileUpdate.Prepare(now.File, change.Edit);
        update.Commit();
        try
        {
            await ApplyAsync(change).ConfigureAwait(false);
        }
        catch
        {
            update.Revert();
            throw;
        }
    }

    private Task ApplyAsync(LiveChange change) => control.RunToEndAsync(() => change.Apply(daemon.Composition));
}
