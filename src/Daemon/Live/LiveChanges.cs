using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Control;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Live;

/// <summary>
/// Makes changes of the running daemon, one after the other, each whole or not at all; also in the configuration file, if that is asked for. Any thread. The disk is
/// waited for on the caller's thread, never on the control thread.
/// </summary>
internal sealed class LiveChanges(DaemonService daemon, ILogger<LiveChanges> logger) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private volatile IReadOnlyList<string> _unsaved = [];

    /// <summary>What was changed, as in <c>ports.vm0</c>, and would be as before after a restart.</summary>
    public IReadOnlyList<string> Unsaved => _unsaved;

    /// <summary>Makes one change.</summary>
    /// <param name="plan">Says what the request means for the present configuration.</param>
    /// <param name="persist">True to write it to the configuration file too.</param>
    /// <exception cref="ConfigException">The request is wrong; nothing has changed.</exception>
    /// <exception cref="ControlException">It can't be done; nothing has changed.</exception>
    public async Task<LiveChange> MakeAsync(Func<DaemonOptions, LiveChange> plan, bool persist)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            DaemonOptions now = daemon.Composition.Options;
            LiveChange change = plan(now);
            if (persist)
            {
                await MakeLastingAsync(change, now).ConfigureAwait(false);
            }
            else
            {
                await ApplyAsync(change).ConfigureAwait(false);
            }

            _unsaved = persist ? [.. _unsaved.Where(i => i != change.Item)] : [.. _unsaved.Where(i => i != change.Item), change.Item];
            daemon.ReportChange();
            logger.LogInformation("{Item} was {Change} over the control API{Persisted}", change.Item, Verb(change), persist ? ", also in the configuration file" : string.Empty);
            return change;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private static string Verb(LiveChange change) => change.IsAddition ? "added" : change.Edit.Value is null ? "removed" : "changed";

    private async Task MakeLastingAsync(LiveChange change, DaemonOptions now)
    {
        if (now.File is null)
        {
            throw new ControlException(
                StatusCodes.Status409Conflict, "persist: this daemon runs without a configuration file, so there is nowhere to write the change to; start it with --config FILE");
        }

        if (change.Edit is { List: "threads" } && now.Threads.First(t => t.Name == change.Edit.Name).IsAutomatic)
        {
            throw new ControlException(
                StatusCodes.Status409Conflict, $"persist: {now.File} lists no threads, and listing one of them would leave out the others; list them all there first");
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

    private async Task ApplyAsync(LiveChange change)
    {
        try
        {
            await daemon.OnControlAsync(() => change.Apply(daemon.Composition)).ConfigureAwait(false);
        }
        catch (StartupException e)
        {
            throw new ControlException(e.ExitCode == ExitCode.Usage ? StatusCodes.Status400BadRequest : StatusCodes.Status409Conflict, e.Message);
        }
    }
}
