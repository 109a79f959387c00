using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Errors;

namespace VhostNet.Daemon.Api;

/// <summary>
/// Requests that begin, show and end captures of ports. Files are opened, and waited for, by the request and not by the control thread. Any thread.
/// </summary>
/// <param name="captures">The captures.</param>
/// <param name="control">Runs things on the control thread.</param>
/// <param name="find">Finds a port by its name, or throws. Called on the control thread.</param>
/// <param name="time">What patience is measured by.</param>
/// <param name="logger">Where beginnings and ends are reported.</param>
internal sealed class CaptureRequests(Captures captures, ControlQueue control, Func<string, PortEntry> find, TimeProvider time, ILogger logger) : IDisposable
{
    // One file is opened at a time: two captures could have the same.
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Does what a request asks for; <see cref="Find"/> gives the capture then.</summary>
    /// <exception cref="RefusalException">The request is wrong, or it can't be done.</exception>
    /// <exception cref="MethodNotAllowedException">It is no request about captures.</exception>
    public Task HandleAsync(HttpContext context, string name) => context.Request.Method switch
    {
        "POST" => StartAsync(context, name),
        "DELETE" => StopAsync(name),
        "GET" => Task.CompletedTask,
        _ => throw new MethodNotAllowedException(context.Request, "POST, GET and DELETE"),
    };

    /// <summary>The capture of a port. Control thread.</summary>
    /// <exception cref="RefusalException">There is none.</exception>
    public PortCapture Find(string name) =>
        captures.Find(find(name).Port)
        ?? throw new RefusalException(RefusalKind.Missing, $"port {name} is not captured; POST /ports/{name}/capture begins a capture");

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    /// <summary>Answers with a capture as it grows, until a limit is reached, it is ended, or whoever reads it leaves.</summary>
    /// <exception cref="RefusalException">The request is wrong, or it can't be done.</exception>
    public async Task StreamAsync(HttpContext context, string name)
    {
        CaptureOptions options = CaptureOptions.ReadStream(QuerySection.Of(context.Request), $"stream of port {name}");
        await control.RunAsync(() => RefuseSecond(find(name))).ConfigureAwait(false);
        if (!DescriptorReserve.HasRoom())
        {
            throw new RefusalException(RefusalKind.Busy, TurnedAway.Reason);
        }

        using CaptureStream stream = CaptureStream.Open(options);
        PortCapture? capture = null;
        try
        {
            await control.RunToEndAsync(() => capture = Start(find(name), options, stream.File)).ConfigureAwait(false);
        }
        finally
        {
            if (capture is null)
            {
                stream.File.Close();
            }
        }

        try
        {
            await stream.CopyAsync(context).ConfigureAwait(false);
        }
        finally
        {
            await control.RunToEndAsync(() => capture!.Stop("its reader left")).ConfigureAwait(false);
            logger.CaptureEnded(name, capture!.Frames, capture.File);
        }
    }

    private async Task StartAsync(HttpContext context, string name)
    {
        CaptureOptions options = CaptureOptions.Read(
            ConfigSection.Root(await RequestBody.ReadAsync(context, "{\"file\": \"/var/lib/vhostnet/guest.pcap\"}").ConfigureAwait(false)));
        if (!await _turn.WaitAsync(ControlQueue.Patience).ConfigureAwait(false))
        {
            throw new RefusalException(RefusalKind.Busy, "another capture's file is being opened, so nothing was done");
        }

        try
        {
            await control.RunAsync(() => RefuseSecond(find(name))).ConfigureAwait(false);
            PcapFile file = await OpenAsync(options).ConfigureAwait(false);
            try
            {
                await control.RunToEndAsync(() => Start(find(name), options, file)).ConfigureAwait(false);
            }
            catch
            {
                file.Close();
                throw;
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<PcapFile> OpenAsync(CaptureOptions options)
    {
        if (!DescriptorReserve.HasRoom())
        {
            throw new RefusalException(RefusalKind.Busy, TurnedAway.Reason);
        }

        try
        {
            Task<PcapFile> opening = PcapFile.OpenAsync(options.File, options.FileOptions);
            await ((Task)opening).WaitAsync(ControlQueue.Patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (opening.IsCompleted)
            {
                return await opening.ConfigureAwait(false);
            }

            _ = opening.ContinueWith(
                static t => t.Result.Close(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw new RefusalException(
                RefusalKind.Busy,
                $"capture {options.File}: the file system did not answer within {ControlQueue.Patience.TotalSeconds:0} s; is it frozen, or a server away?");
        }
        catch (PortException e)
        {
            throw new RefusalException(RefusalKind.Wrong, e.Message);
        }
    }

    private PortCapture Start(PortEntry entry, CaptureOptions options, PcapFile file)
    {
        RefuseSecond(entry);
        PortCapture capture = captures.Start(entry.Port, options, file);
        logger.CaptureBegun(entry.Port.Name, options.File);
        return capture;
    }

    private void RefuseSecond(PortEntry entry)
    {
        if (captures.Find(entry.Port) is { IsRunning: true } running)
        {
            throw new RefusalException(
                RefusalKind.Conflict, $"port {entry.Port.Name} is being captured to {running.File} already; end that capture with DELETE first");
        }
    }

    private async Task StopAsync(string name)
    {
        PortCapture? capture = null;
        await control.RunToEndAsync(() =>
        {
            capture = Find(name);
            capture.Stop();
        }).ConfigureAwait(false);

        // Whoever ends a capture wants to read it next. A disk that does not answer keeps nobody: then it is still being written.
        await capture!.Completion.WaitAsync(ControlQueue.Patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        logger.CaptureEnded(name, capture.Frames, capture.File);
    }
}
